"""A farm in simulated time: real sessions of the master, real store and files, scripted slaves, faults from a seed."""
