// One file, because each that validates templates starts the validation anew, which takes seconds.
import './canary';
import './constructs';
import './stages';
