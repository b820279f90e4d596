# annotate.awk CLAIMS SOURCE: prints SOURCE with what CLAIMS says of its loops (and of functions whose types a harness does
# not know), each as a comment of one line that begins in the first column, where the sources have none: without these lines
# it is SOURCE again. Exit: 1 if a place was not found.
#
# CLAIMS: "FUNCTION: the first words of a line", and below, indented, what is claimed there, in ACSL.
FNR == 1 { files++ }
files == 1 && /^[a-z0-9_]+: / { places++; where[places] = $1; sub(/^[^ ]* /, ""); words[places] = $0; next }
files == 1 && /^\t/ { gsub(/^\t+/, ""); claim[places] = claim[places] " " $0; next }
files == 1 { next }
/^[a-z].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name); name = name ":" }
{
	line = $0
	sub(/^\t+/, "", line)
	for (i = 1; i <= places; i++)
		if (!used[i] && where[i] == name && index(line, words[i]) == 1) {
			print "/*@" claim[i] " */"
			used[i] = 1
			if (claim[i] ~ /^ loop/)
				break
		}
	print
}
END {
	for (i = 1; i <= places; i++)
		if (!used[i]) {
			print FILENAME ": nowhere in " where[i] " " words[i] > "/dev/stderr"
			exit 1
		}
}
