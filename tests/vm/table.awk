# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Judges what guest-tests.sh printed, one file per kernel, and prints a table in Markdown. The first
# two files are features.txt and the list of tests. Exit status 1 if anything failed.
#
# A program passes (0), fails, or is skipped as a whole (77); CMocka tells of single tests that were
# skipped. Of every skip it says "skipped: REASON".

FILENAME == ARGV[1] {
	if (NF >= 4 && $1 !~ /^#/) {
		reason = $0
		sub(/^[^ ]+ +[^ ]+ +[^ ]+ +/, "", reason)
		reasons[$1] = tolower(reason)
		if ($3 != "-")
			probes[$1] = $3
	}
	next
}
FILENAME == ARGV[2] { split($0, field, "\t"); tests[++ntests] = field[1]; next }

FNR == 1 { kernels[++nkernels] = k = FILENAME; names[k] = "?" }
$1 == "@kernel" { names[k] = $2; next }
$1 == "@has" { has[k, $2] = 1; next }
$1 == "@probe" { probed[k, $2] = $3; next }
$1 == "@begin" { test = $2; skips = skipped = 0; bad = note = ""; next }
$1 == "@end" && $2 == test { finish($3); test = ""; next }
$1 == "@run" { if ($2) broken[k] = broke($2); test = "" }
test != "" && sub(/^.*skipped: /, "") { skip($0) }
test != "" && /^\[  SKIPPED \] [^ ]+$/ { skipped++ }

function broke(status)
{
	if (status == 123)
		return "FAIL: the kernel complained"
	if (status == 124)
		return "FAIL: out of time"
	return "FAIL: status " status
}

# Is it so that this kernel lacks what is said to be lacking?
function skip(reason, feature)
{
	skips++
	for (feature in reasons)
		if (tolower(reason) ~ reasons[feature]) {
			if ((k, feature) in has)
				bad = "skipped, but the kernel has " feature ": " reason
			else if (!((k, test, feature) in noted)) {
				noted[k, test, feature] = 1
				note = note footnote(reason)
			}
			return
		}
	bad = "skipped for a reason that is not in features.txt: " reason
}

# Does the library's probe say the same as the kernel's types?
function probe_errors(k, feature, is, errors)
{
	for (feature in probes) {
		is = (k, feature) in has ? "yes" : "no"
		if (probed[k, feature] != is)
			errors = errors " " probes[feature] " is \"" probed[k, feature] "\", not \"" is "\""
	}
	return errors
}

function footnote(reason)
{
	if (!(reason in footnotes)) {
		footnotes[reason] = ++nnotes
		texts[nnotes] = reason
	}
	return "[" footnotes[reason] "]"
}

function finish(status)
{
	# CMocka lists the skipped again at the end, after a line of another form.
	if ((status == 77 || skipped) && !skips)
		bad = "skipped without a reason"
	if (status != 0 && status != 77)
		cell[k, test] = "**FAIL** (" (status >= 128 ? "killed or out of time" : "status " status) ")"
	else if (bad != "")
		cell[k, test] = "**FAIL** (" bad ")"
	else if (status == 77)
		cell[k, test] = "skip " note
	else
		cell[k, test] = "pass" (note == "" ? "" : ", but for " note)
}

END {
	row = "| test |"
	rule = "| --- |"
	for (i = 1; i <= nkernels; i++) {
		row = row " " names[kernels[i]] " |"
		rule = rule " --- |"
	}
	print row "\n" rule
	for (t = 1; t <= ntests; t++) {
		row = "| " tests[t] " |"
		for (i = 1; i <= nkernels; i++) {
			result = (kernels[i], tests[t]) in cell ? cell[kernels[i], tests[t]] : "**FAIL** (no result)"
			count[result ~ /FAIL/ ? "failed" : result ~ /^skip/ ? "skipped" : "passed"]++
			row = row " " result " |"
		}
		print row
	}
	row = "| bpfring_probe() |"
	for (i = 1; i <= nkernels; i++) {
		result = probe_errors(kernels[i])
		result = result == "" ? "pass" : "**FAIL** (" substr(result, 2) ")"
		count[result ~ /FAIL/ ? "failed" : "passed"]++
		row = row " " result " |"
	}
	print row
	row = "| kernel's log |"
	for (i = 1; i <= nkernels; i++) {
		result = kernels[i] in broken ? "**" broken[kernels[i]] "**" : "clean"
		count[result ~ /FAIL/ ? "failed" : "passed"]++
		row = row " " result " |"
	}
	print row "\n"
	for (n = 1; n <= nnotes; n++)
		print n ". " texts[n]
	printf "%d passed, %d failed, %d skipped\n", count["passed"], count["failed"], count["skipped"] >"/dev/stderr"
	exit count["failed"] > 0
}
