# Runs as root in the schroot, which is a plain chroot: leaves it the way that any root process could, and starts the
# launcher on the host. That this works is why the test itself runs behind pivot_root and not in the schroot.
use strict;
use warnings;

our $stub;    # the little program that this one was read by

sub here { return join ' ', (stat '.')[0, 1] }

chdir '/' or die "/: $!\n";
my ($inside) = grep { -d } qw(/usr /etc /var);
chroot $inside or die "chroot: $!\n";
for (my $last = ''; $last ne here();) {
    $last = here();
    chdir '..' or die "..: $!\n";
}
chroot '.' or die "chroot: $!\n";
exec { '/usr/bin/perl' } '/usr/bin/perl', '-e', $stub, @ARGV;
die "/usr/bin/perl: $!\n";
