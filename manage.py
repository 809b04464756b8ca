#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        from project.commandline import main
    except ModuleNotFoundError as error:
        sys.exit(f"Error: {error.name} is not installed here. Run `make install`, then .venv/bin/python manage.py …")
    sys.exit(main(sys.argv))
