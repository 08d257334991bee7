// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Example of the probe: what this kernel has and this process may use. */
#include <bpfring/probe.h>
#include <stdio.h>

int main(void)
{
	static const char *const states[] = {"no", "yes", "not permitted"};

	for (int i = 0; i < BPFRING_FEATURE_COUNT; i++) {
		struct bpfring_probe_result r = {.sz = sizeof(r)};
		enum bpfring_feature feature = (enum bpfring_feature)i;
		int err = bpfring_probe(feature, &r);

		if (err)
			printf("%-18s unknown: %s\n", bpfring_feature_name(feature),
			       bpfring_errname(err));
		else
			printf("%-18s %s%s%s\n", bpfring_feature_name(feature), states[r.state],
			       *r.reason ? ": " : "", r.reason);
	}
	return 0;
}
