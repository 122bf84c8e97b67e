"""The package tester: installs, checks, removes and purges packages in a throw-away chroot, and judges."""
