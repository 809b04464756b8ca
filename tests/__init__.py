"""The tests: unit (pure, or with a database), integration (real servers and processes), faults, browser, compose."""
