"""What Tidegate adds to ministack: a faster clock, forwarding to the emulator, a stream poller and a few repairs."""
