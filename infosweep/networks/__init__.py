"""What learns: multilayer perceptrons of any widths."""
