# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause

bpfring_add_test(stress-producer SOURCES stress_producer.c LIBRARIES bpfring_sim_sys
	LABELS stress TIMEOUT ${BPFRING_TEST_TIMEOUT})
bpfring_add_test(stress-prod_lock SOURCES stress_prod_lock.c LIBRARIES bpfring_sim_sys
	LABELS stress TIMEOUT ${BPFRING_TEST_TIMEOUT})
