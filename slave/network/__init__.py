"""The only way out of a chroot: the section's mirrors, through one cache of .debs shared by all tests."""
