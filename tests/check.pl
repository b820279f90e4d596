#!/usr/bin/perl
# check.pl ARCH LEVEL [OTHER]: runs the suites that `suites.sh list` names, as many at once as the machine has
# processors and memory for (JOBS says another number), and ends with "N passed, N failed, N skipped".
# With FAILED=1, only what failed when it last ran. What is known of earlier runs is in build/check:
#   SUITE.tap, SUITE.err   what the suite said last             failed   suites and their tests that failed
#   times                  seconds of each suite's last runs    lock     held by the run that may write there
# Exit: 0 if nothing failed (and, with CI set, nothing was skipped), 1 otherwise, 2 for a wrong call, 128 and its number
# for a signal.
use strict;
use warnings;
use Fcntl qw(LOCK_EX LOCK_NB);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use TAP::Harness;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use constant KEPT_TIMES => 5;          # of each suite
use constant SLOWEST    => 10;         # tests that are named at the end
use constant NOTED      => 10;         # seconds below which no suite is called slow
use constant LAB_KIB    => 3584 << 10; # of memory, for each suite that runs in a lab

my ($arch, $level, $other) = @ARGV;
if (!$level) {
	print STDERR "usage: check.pl ARCH LEVEL [OTHER]\n";
	exit 2;
}
my $here   = dirname($0);
my $suites = "$here/suites.sh";
my $state  = 'build/check';

# --- what is kept between runs: tab-separated lines ---

sub load_lines {
	my ($file) = @_;
	open my $in, '<', "$state/$file" or return ();
	return map { chomp; [split /\t/, $_, -1] } <$in>;
}

sub save_lines {
	my ($file, @lines) = @_;
	open my $out, '>', "$state/$file.new" or die "check.pl: cannot write $state/$file.new: $!\n";
	print $out map { join("\t", @$_) . "\n" } @lines;
	close $out or die "check.pl: cannot write $state/$file.new: $!\n";
	rename "$state/$file.new", "$state/$file" or die "check.pl: cannot write $state/$file: $!\n";
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[$#sorted / 2] }

# --- the end of what suites started ---

# All of it has this word in its environment, whatever session or process group it made for itself.
my $word = $ENV{MAYFLY_CHECK} = "$$.$^T";

sub started {
	local $/;
	my @pids;
	for my $pid (grep { $_ != $$ } map { m{(\d+)} } glob '/proc/[0-9]*') {
		open my $in, '<', "/proc/$pid/environ" or next;
		push @pids, $pid if (<$in> // '') =~ /\bMAYFLY_CHECK=\Q$word\E\0/;
	}
	return @pids;
}

# They have five seconds to remove their files.
sub end_started {
	my @pids = started() or return;
	kill TERM => @pids;
	for (1 .. 25) {
		select undef, undef, undef, 0.2;
		@pids = started() or return;
	}
	kill KILL => @pids;
}
END { local $?; end_started() if $word }

my %signals = (HUP => 1, INT => 2, QUIT => 3, PIPE => 13, TERM => 15);

sub interrupted {
	my ($signal) = @_;
	$SIG{$_} = 'IGNORE' for keys %signals;
	print STDERR "make: interrupted\n";
	select undef, undef, undef, 0.1; # a suite that just began has the word by then
	exit 128 + $signals{$signal};
}
# What is ignored stays so, as under nohup.
for (keys %signals) { $SIG{$_} = \&interrupted unless ($SIG{$_} // '') eq 'IGNORE' }

# --- what is known of earlier runs ---

make_path($state);
open my $lock, '>', "$state/lock" or die "check.pl: cannot write $state/lock: $!\n";
if (!flock $lock, LOCK_EX | LOCK_NB) {
	print STDERR "make: waiting for another run of tests in this directory\n";
	flock $lock, LOCK_EX or die "check.pl: cannot lock $state/lock: $!\n";
}
my %times  = map { my ($name, @seconds) = @$_; ($name => \@seconds) } load_lines('times');
my %failed = ();
push @{ $failed{ $_->[0] } }, $_->[1] for load_lines('failed');

# --- which suites ---

my @listed = split /\n/, qx($suites list $arch $level @{[$other // '']});
exit 2 if $? >> 8 == 2; # SUITE; the reason has been said
die "check.pl: suites.sh cannot list the suites\n" if $? || !@listed;

my @names = grep { !$ENV{FAILED} || $failed{$_} } @listed;

# With FAILED=1, what failed may be a suite that this level or SUITE leaves out. To run nothing is then no success.
sub nothing_to_run {
	my @others = sort keys %failed;
	if (@others) {
		print STDERR "make: what failed is not among these suites: @others ($state/failed)\n";
	} elsif (!-e "$state/failed") {
		print STDERR "make: no suite has run yet (leave out FAILED=1)\n";
	} else {
		print "nothing failed when it last ran\n";
		exit 0;
	}
	exit 1;
}
nothing_to_run() unless @names;

# The tests that a suite is to run; none stands for all. A suite that lost a test has '' among those that failed.
sub selected {
	my ($name) = @_;
	my @tests = $ENV{FAILED} ? @{ $failed{$name} } : ();
	return (grep { $_ eq '' } @tests) ? () : @tests;
}
my %selected = map { ($_ => [selected($_)]) } @names;

# How long a suite usually takes, if all of it runs. The longest begin first, and before them those of unknown length.
sub usual { my ($name) = @_; return $times{$name} && !@{ $selected{$name} } ? median(@{ $times{$name} }) : undef }
@names = sort { (usual($b) // 1e9) <=> (usual($a) // 1e9) } @names;

# The selected tests as a regular expression.
sub pattern {
	my @tests = map { s/([][{}()*+?.^\$|\\])/\\$1/gr } @_;
	return @tests ? '^(' . join('|', @tests) . ')$' : '';
}

# --- what is told ---

# As many as have a processor; but if these could be more labs than the memory has room for, as many as it has.
sub jobs {
	my ($processors) = qx(nproc) =~ /(\d+)/;
	open my $in, '<', '/proc/meminfo' or return $processors;
	my ($kib) = map { /^MemAvailable:\s+(\d+)/ ? $1 : () } <$in>;
	my $room = int(($kib // 0) / LAB_KIB) || 1;
	my $labs = grep { /@/ } @names;
	return $labs > $room && $processors > $room ? $room : $processors;
}

my $jobs = ($ENV{JOBS} // '') eq '' ? jobs() : $ENV{JOBS};
if ($jobs !~ /^[1-9]\d*$/) {
	print STDERR "make: JOBS=$jobs is not a number of suites\n";
	exit 2;
}
sub now { return clock_gettime(CLOCK_MONOTONIC) }
my $began = now();
my %total = (passed => 0, failed => 0, skipped => 0);
my (@tests, @slow, %seen); # @tests: [milliseconds, suite, test]; %seen: suite => {test => 1}

sub clock { my ($seconds) = @_; return sprintf '%d:%02d', int($seconds / 60), $seconds % 60 }

# What all of it should take: no less than the longest, no less than a fair share.
sub expected {
	my @known = map { usual($_) // return undef } @names;
	my ($sum, $most) = (0, 0);
	for (@known) { $sum += $_; $most = $_ if $_ > $most }
	my $share = $sum / $jobs;
	return $share > $most ? $share : $most;
}
my $expected = expected();

sub say_suite {
	my ($verb, $name, $text) = @_;
	my $of = defined $expected ? ' of ' . clock($expected) : '';
	printf "%6s%s  %-7s %-24s %s\n", clock(now() - $began), $of, $verb, $name, $text;
}

sub begins {
	my ($name) = @_;
	my $usual = usual($name);
	say_suite('begins', $name, defined $usual ? 'usually ' . clock($usual) : '');
}

# The lines about lost tests: how the suite ended, and the end of its TAP.
sub explain {
	my ($name, $parser) = @_;
	my ($code, $signal) = ($parser->wait >> 8, $parser->wait & 127);
	my $how = $signal ? "killed by signal $signal" : "exit code $code";
	printf "    %s: %s, %d of %d tests reported\n", $name, $how, $parser->tests_run, planned($name, $parser);
	print map { "    $_" } tail("$state/$name.tap", 20);
}

sub tail {
	my ($file, $count) = @_;
	open my $in, '<', $file or return ();
	my @lines = <$in>;
	splice @lines, 0, @lines - $count if @lines > $count;
	return @lines;
}

# bats plans those of the selected tests that it finds. (Other suites run all tests.)
sub planned {
	my ($name, $parser) = @_;
	my ($planned, $selected) = ($parser->tests_planned // 0, scalar @{ $selected{$name} });
	return $planned > $selected ? $planned : $selected;
}

# How many of the planned tests are missing. One, too, where a suite failed but none of its tests did.
sub lost {
	my ($name, $parser) = @_;
	my $planned = planned($name, $parser);
	my $lost = $planned - $parser->tests_run;
	$lost = 0 if $lost < 0;
	return 1 if !$lost && !$parser->failed && ($parser->wait || !$planned || $parser->parse_errors);
	return $lost;
}

sub ends {
	my ($name, $parser, $seconds, $lines, $bad) = @_;
	my $lost = lost($name, $parser);
	my $skipped = $parser->skipped;
	my $failures = $parser->failed + $lost;
	my $ok = $parser->passed - $skipped;
	say_suite($failures ? 'FAILED' : 'passed', $name, "$ok passed, $failures failed, $skipped skipped, " . clock($seconds));
	print "    $_\n" for @$lines;
	explain($name, $parser) if $lost;
	print map { "    $_" } tail("$state/$name.err", 30) if $failures;
	$total{passed} += $ok;
	$total{failed} += $failures;
	$total{skipped} += $skipped;
	delete $failed{$name};
	$failed{$name} = [@$bad, $lost ? '' : ()] if $failures;
	note_time($name, $seconds) unless $failures || @{ $selected{$name} };
	save_state();
}

# After each suite: the run may be interrupted.
sub save_state {
	save_lines('times', map { [$_, @{ $times{$_} }] } sort keys %times);
	save_lines('failed', map { my $name = $_; map { [$name, $_] } @{ $failed{$name} } } sort keys %failed);
}

sub note_time {
	my ($name, $seconds) = @_;
	my $usual = usual($name);
	push @slow, sprintf '%s took %s, usually %s', $name, clock($seconds), clock($usual)
		if defined $usual && $seconds > 2 * $usual && $seconds > NOTED;
	my @kept = (@{ $times{$name} // [] }, sprintf '%.1f', $seconds);
	splice @kept, 0, @kept - KEPT_TIMES if @kept > KEPT_TIMES;
	$times{$name} = \@kept;
}

# --- what TAP::Harness asks of a formatter ---

package Report {
	sub new { return bless {}, shift }
	sub verbosity { return 0 }
	sub prepare { }
	sub summary { }

	sub open_test {
		my ($self, $name, $parser) = @_;
		main::begins($name);
		return Session->new($name, $parser);
	}
}

package Session {
	sub new {
		my ($class, $name, $parser) = @_;
		return bless { name => $name, parser => $parser, began => main::now(), lines => [], bad => [], in_failure => 0 }, $class;
	}

	sub result {
		my ($self, $result) = @_;
		$self->test($result) if $result->is_test;
		push @{ $self->{lines} }, $result->raw if $result->has_skip || $self->{in_failure};
	}

	# bats and suites.sh put the time at the end of a test's name.
	sub test {
		my ($self, $result) = @_;
		my $test = $result->description =~ s/^- //r;
		push @tests, [$1, $self->{name}, $test] if $test =~ s/ in (\d+)ms$//;
		$self->{in_failure} = !$result->is_ok;
		push @{ $self->{bad} }, $test unless $result->is_ok;
		$seen{ $self->{name} }{$test} = 1 unless $result->has_skip;
	}

	sub close_test {
		my ($self) = @_;
		main::ends($self->{name}, $self->{parser}, main::now() - $self->{began}, $self->{lines}, $self->{bad});
	}
}

package main;

# --- the same tests everywhere ---

# declared own ARCH, declared tagged ARCH TAG: the names of tests, as suites.sh knows them.
sub declared {
	my @names = split /\n/, qx($suites @_);
	die "check.pl: $suites @_ failed\n" if $?;
	return @names;
}

# What ran here and there differs by nothing but the tests of one architecture, which are in the directory of its name.
sub same_tests {
	my (%own, @wrong);
	for my $machine ($arch, $other) { $own{$machine}{$_} = 1 for declared('own', $machine) }
	for my $there (grep { /\@\Q$other\E$/ } @names) {
		my $suite = $there =~ s/@.*//r;
		my %names;
		for my $name ($suite, "$suite\@$arch", $there) {
			my $machine = $name eq $there ? $other : $arch;
			$names{$machine}{$_} = 1 for grep { !$own{$machine}{$_} } keys %{ $seen{$name} // {} };
		}
		push @wrong, map { "$suite, on $arch only: $_" } grep { !$names{$other}{$_} } sort keys %{ $names{$arch} };
		push @wrong, map { "$suite, on $other only: $_" } grep { !$names{$arch}{$_} } sort keys %{ $names{$other} };
	}
	for my $tag (map { /^(.*)\@\Q$other\E-/ ? $1 : () } @names) {
		my ($name) = grep { /^\Q$tag\E\@/ } @names;
		push @wrong, map { "$name has not run: $_" } grep { !$seen{$name}{$_} } declared('tagged', $other, $tag);
	}
	printf "the same tests everywhere: %s\n", @wrong ? 'FAILED' : 'passed';
	print map { "    $_\n" } @wrong;
	$total{ @wrong ? 'failed' : 'passed' }++;
}

# --- the run ---

$| = 1;
print qx($here/where.sh $arch why);
printf "%d suite%s, %d at a time%s\n", scalar @names, @names == 1 ? '' : 's', $jobs, defined $expected ? ', about ' . clock($expected) : '';
my $harness = TAP::Harness->new({
	formatter   => Report->new,
	jobs        => $jobs,
	ignore_exit => 0,
	exec        => sub {
		my ($self, $name) = @_;
		return ['setsid', 'env', 'TESTS=' . pattern(@{ $selected{$name} }), $suites, 'run', $arch, $name];
	},
});
$harness->runtests(@names);
same_tests() if $level eq 'all' && $other && !$ENV{SUITE} && !$ENV{FAILED};

my @slowest = sort { $b->[0] <=> $a->[0] } @tests;
splice @slowest, SLOWEST if @slowest > SLOWEST;
print "\nthe slowest tests:\n" if @slowest;
printf "%7.1f s  %s: %s\n", $_->[0] / 1000, $_->[1], $_->[2] for @slowest;
print "slower than usual: $_\n" for @slow;
printf "\n%d passed, %d failed, %d skipped\n", @total{qw(passed failed skipped)};
exit($total{failed} || ($ENV{CI} && $total{skipped}) ? 1 : 0);
