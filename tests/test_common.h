/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What tests of all kinds share: the caught log, and the descriptors that are open. */
#ifndef TEST_COMMON_H
#define TEST_COMMON_H

/* From now on the library's errors and warnings are caught. Nothing has been caught yet. */
void log_catch(void);

/* What has been caught since log_forget(): the number of lines, and their text. */
unsigned int log_lines(void);
const char *log_text(void);
void log_forget(void);

/* Open descriptors of this process. */
unsigned int count_fds(void);

#endif /* TEST_COMMON_H */
