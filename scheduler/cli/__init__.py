"""What the management commands need to read arguments and to print; runs in the process of a person's shell."""
