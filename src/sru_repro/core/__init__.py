"""What every floor may use: errors, checked settings, signals, the machine, classes found by file name."""
