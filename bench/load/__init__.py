"""Load on a master: real session processes over pipes, driven by one program that plays all the slaves."""
