"""Small programs of the peers, as their users write them; they run in an environment of their own (`make peers`)."""
