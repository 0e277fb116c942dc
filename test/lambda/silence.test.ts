// Services that never answer: each test waits ten seconds for a time-out. Jest runs the concurrent tests of one block of one file at once, so
// that all of them wait together.
import './capacity-forecaster/silence';
import './cost-guard/silence';
import './scale-events/silence';
