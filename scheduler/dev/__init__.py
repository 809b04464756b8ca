"""Everything on one machine with one command (`manage.py dev`): a real broker, web, one scheduler, one worker."""
