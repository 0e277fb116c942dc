"""What Tidegate adds to ministack: a faster clock, forwarding to the sidecar, a stream poller and a few repairs."""
