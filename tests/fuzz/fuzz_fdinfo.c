// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The text of /proc/PID/fdinfo/FD: any text is one of a map or is not, and is read to its end only.
 */
#include "fuzz.h"
#include "base/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct map map, again;

	require(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(&map, 0, sizeof(map));
	if (bpfring_map_parse_fdinfo(&map, text)) {
		/* the words are there */
		require(strstr(text, "map_type:") && strstr(text, "max_entries:") &&
			strstr(text, "map_flags:"));
		if (!strstr(text, "map_id:"))
			require(map.id == 0);
		if (!strstr(text, "frozen:"))
			require(!map.frozen);
		/* what was read, written down again, reads the same */
		free(text);
		text = malloc(256);
		require(text != NULL);
		snprintf(text, 256,
			 "pos:\t0\nmap_type:\t%u\nmax_entries:\t%u\nmap_flags:\t0x%x\nmap_id:\t%u\n"
			 "frozen:\t%d\n",
			 map.type, map.max_entries, map.flags, map.id, map.frozen);
		memset(&again, 0, sizeof(again));
		require(bpfring_map_parse_fdinfo(&again, text));
		require(again.type == map.type && again.max_entries == map.max_entries &&
			again.flags == map.flags && again.id == map.id &&
			again.frozen == map.frozen);
	}
	free(text);
	return 0;
}
