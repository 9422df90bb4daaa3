// Shared by the C files only.
#ifndef INTERNAL_H
#define INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <sys/resource.h>

#include "CExecutorPlatform.h"

// stdio, qsort, strtol and their like are not used in these files: in a static image each brings more code than all that is used of it.

// Writes a prefix, a number and a suffix, ended by NUL; the buffer must have room for 20 digits more than the two have bytes.
void platform_number_path(char *buffer, const char *prefix, unsigned long number, const char *suffix);
// Reads digits, skipping spaces before them and one minus sign, and moves the position behind them.
uint64_t platform_digits(const char **position);

// For a process that has no other threads: closes what an executor has open when it begins, but a channel and the sessions' directory.
void platform_session_keep(int32_t channel);
// The same, and exits when the executor at the other end of the channel says so or closes it.
void platform_session_front(int32_t channel) __attribute__((noreturn));

// Goes on in another process.
int32_t platform_session_detach(const uint8_t *prefix, struct platform_link *link);

// The memory of the records: for this process and those that it becomes.
void platform_records_prepare(void);
// The supervisor's part: takes the ends of its children, and writes the records into a new file, where there are any.
void platform_records_save(int directory, const char *name);
// Takes the records out of a file of the working directory, which is removed.
void platform_records_load(const char *name);
// The same for the session whose executor was killed.
void platform_session_save(void);

// Sandboxes are entries one behind the other. Each is a letter, a path and NUL; the letter says what of the path, and of all that is below it, the
// program may do: `r` read and execute, `w` everything, `k` only read though it is below one of `w`. The last is a letter alone: `n` where it may
// use the network, `o` where it may not. One NUL is no sandbox.

// Whether it cannot be enforced without a namespace of mounts.
int platform_sandbox_needs_mounts(const uint8_t *sandbox);
// For a child between its start and its program: takes everything else from it, for good. Returns zero, or -1 with errno. `identity` is the
// user and the group that a child in a namespace of users of its own gets back; null where there is none.
int platform_sandbox_enter(const uint8_t *sandbox, int has_mounts, const uint32_t *identity);

// Unlocked where it is all zero.
struct platform_lock {
    int32_t state;    // 0 free, 1 held, 2 held and perhaps waited for
    int32_t signals;  // how often it was signalled
};

// The limit of open files as it was before `platform_prepare` raised it; children get it back, since programs that use select depend on it.
extern struct rlimit platform_child_files;
void platform_restore_file_limit(void);

#endif
