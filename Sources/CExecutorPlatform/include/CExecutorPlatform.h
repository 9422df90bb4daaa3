// What the executor asks of the system, behind fixed-width types: the header includes no system header, so the Swift sources see the same
// declarations whatever C library, word size and architecture they are compiled for.
//
// Unless said otherwise a function returns zero or more where it succeeded and the negated errno where it failed, and paths end with NUL.
#ifndef C_EXECUTOR_PLATFORM_H
#define C_EXECUTOR_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

// ---- The process itself

// Prepares this process: closes what was inherited above descriptor 2, makes sure that 0 to 2 are open, resets ignored signals and the
// mask, ignores SIGPIPE, becomes the reaper of its orphans, and raises the limit of open files (children get the old one).
void platform_prepare(void);
// Counts arrivals of SIGCHLD, SIGTERM, SIGHUP and SIGINT and writes the event descriptor at each.
int32_t platform_watch_signals(int32_t event);
// What arrived since the last call: bit 0 a child changed, bit 1 the process shall end.
uint32_t platform_take_signals(void);
void platform_exit(int32_t status) __attribute__((noreturn));
int32_t platform_process_id(void);
uint32_t platform_user_id(void);
// The umask as it was when `platform_prepare` ran.
uint32_t platform_umask(void);
int32_t platform_random(uint8_t *bytes, size_t count);
// Nanoseconds of the monotonic clock.
uint64_t platform_clock(void);
// Kilobytes resident now; zero where the host does not tell.
uint64_t platform_resident_kilobytes(void);
// The environment's n-th entry, or null behind the last.
const uint8_t *platform_environment(int32_t index);
// A variable's value, or null.
const uint8_t *platform_variable(const uint8_t *name);
// Fills a buffer with system, machine, release and node name, each ended by NUL; returns the bytes used.
int32_t platform_uname(uint8_t *buffer, size_t capacity);
// Fills a buffer with the account's name and home from /etc/passwd, each ended by NUL; returns the bytes used, or -ENOENT.
int32_t platform_account(uint32_t user, uint8_t *buffer, size_t capacity);
int32_t platform_working_directory(uint8_t *buffer, size_t capacity);

// ---- Events

// Interests and readiness.
enum { PLATFORM_READABLE = 1, PLATFORM_WRITABLE = 2, PLATFORM_EDGE = 4 };
struct platform_event {
    uint64_t tag;
    uint32_t ready;
};
int32_t platform_poller_create(void);
// Adds (change 0), modifies (1) or removes (2) a descriptor.
int32_t platform_poller_control(int32_t poller, int32_t change, int32_t descriptor, uint32_t interests, uint64_t tag);
// Waits at most so many milliseconds (-1 for ever); returns the number of events. An interruption counts as no event.
int32_t platform_poller_wait(int32_t poller, struct platform_event *events, int32_t capacity, int32_t milliseconds);
int32_t platform_event_create(void);
void platform_event_signal(int32_t event);
// Waits until one descriptor is ready; returns 1, or 0 when the time is over.
int32_t platform_wait_ready(int32_t descriptor, uint32_t interests, int32_t milliseconds);

// ---- Threads

struct platform_lock;
struct platform_lock *platform_lock_create(void);
// Nobody may hold it or wait for it.
void platform_lock_destroy(struct platform_lock *lock);
void platform_lock(struct platform_lock *lock);
void platform_unlock(struct platform_lock *lock);
// Waits for a signal with the lock held; returns 0, or 1 when so many milliseconds (at least 1) have passed without one. May return without
// either, so the state that is waited for must be looked at again.
int32_t platform_lock_wait(struct platform_lock *lock, uint32_t milliseconds);
void platform_lock_signal(struct platform_lock *lock);
// Starts a detached thread with a small stack and every signal blocked.
int32_t platform_thread_start(void (*entry)(void *), void *context);
int32_t platform_flag_read(const int32_t *flag);
void platform_flag_raise(int32_t *flag);
void platform_flag_lower(int32_t *flag);

// ---- Descriptors and files

enum {
    PLATFORM_OPEN_READ = 1,
    PLATFORM_OPEN_CREATE = 2,  // for writing, and it must not exist
    PLATFORM_OPEN_DIRECTORY = 4,
};
// The kinds are FileKind's raw values.
struct platform_status {
    uint64_t size, device, inode, links;
    int64_t modified, changed;
    uint32_t mode, user, group;
    uint8_t kind;
};
// Opens close-on-exec, never as a controlling terminal, and never waiting for a FIFO's other end.
int32_t platform_open(const uint8_t *path, uint32_t flags, uint32_t mode);
void platform_close(int32_t descriptor);
int32_t platform_set_nonblocking(int32_t descriptor);
// Bytes read, 0 at the end; -EAGAIN where a nonblocking descriptor has none. An interruption is retried, here and in the others.
int64_t platform_read(int32_t descriptor, void *buffer, size_t count);
int64_t platform_write(int32_t descriptor, const void *buffer, size_t count);
int32_t platform_seek(int32_t descriptor, uint64_t offset);
// Bytes that wait in a pipe.
int64_t platform_pending(int32_t descriptor);
int32_t platform_stat(const uint8_t *path, int32_t follow, struct platform_status *status);
int32_t platform_stat_descriptor(int32_t descriptor, struct platform_status *status);

// The largest file that is asked about.
#define PLATFORM_CACHED_MOST 16384
// Whether looking at a path, and reading all of the file there where `content` is set, waits for no disk. For the event loop only. Says no
// wherever it is not known, and for every file system that was not noted.
int32_t platform_is_cached(const uint8_t *path, int32_t follow, int32_t content);
// Notes what a device's file system is, by something on it. For workers: the question may wait.
void platform_note_device(const uint8_t *path, uint64_t device);
int64_t platform_read_link(const uint8_t *path, uint8_t *buffer, size_t capacity);
int32_t platform_set_mode(int32_t descriptor, uint32_t mode);
int32_t platform_set_path_mode(const uint8_t *path, uint32_t mode);
int32_t platform_set_owner(int32_t descriptor, uint32_t user, uint32_t group);
int32_t platform_sync(int32_t descriptor);
int32_t platform_make_directory(const uint8_t *path, uint32_t mode);
int32_t platform_unlink(const uint8_t *path);
int32_t platform_remove_directory(const uint8_t *path);
int32_t platform_rename(const uint8_t *from, const uint8_t *to);
// Renames without replacing anything; -EEXIST where something is there. Race-free also where the kernel or file system lacks
// RENAME_NOREPLACE, except for directories, which then answer -EOPNOTSUPP.
int32_t platform_rename_new(const uint8_t *from, const uint8_t *to);
// Removes a directory with everything in it, following no symbolic link; stops with -ECANCELED when the flag is raised. Where it fails, the
// entry's name is left in the buffer.
int32_t platform_remove_tree(const uint8_t *path, const int32_t *cancelled, uint8_t *failed, size_t capacity);

struct platform_directory;
// Null where it failed, with the negated errno in `error`.
struct platform_directory *platform_directory_open(const uint8_t *path, int32_t *error);
// The next entry's name into the buffer, `.` and `..` left out; returns its length, or 0 behind the last.
int32_t platform_directory_next(struct platform_directory *directory, uint8_t *name, size_t capacity);
// What an entry is, a symbolic link not followed.
int32_t platform_directory_stat(struct platform_directory *directory, const uint8_t *name, struct platform_status *status);
int64_t platform_directory_read_link(struct platform_directory *directory, const uint8_t *name, uint8_t *buffer, size_t capacity);
void platform_directory_close(struct platform_directory *directory);

// ---- Watching directories

// What happened: to an entry, or with SELF to the watched directory. DIRECTORY and MOVED are said with others.
enum {
    PLATFORM_CHANGE_CREATED = 1, PLATFORM_CHANGE_MODIFIED = 2, PLATFORM_CHANGE_REMOVED = 4, PLATFORM_CHANGE_DIRECTORY = 8,
    PLATFORM_CHANGE_MOVED = 16, PLATFORM_CHANGE_SELF = 32, PLATFORM_CHANGE_FORGOTTEN = 64, PLATFORM_CHANGE_LOST = 128,
};
int32_t platform_watches_create(void);
// Watches a directory; returns the watch's number, which grows, or is the one that the directory has already.
int32_t platform_watches_add(int32_t watches, const uint8_t *path, int32_t follow);
void platform_watches_remove(int32_t watches, int32_t watch);
// The next change of a buffer that was read, which is aligned to 8 bytes: moves the position behind it and returns what happened, or 0 at
// the end. The name is empty where it is about the directory itself.
uint32_t platform_watches_next(const uint8_t *buffer, size_t count, size_t *position, int32_t *watch, const uint8_t **name);
// A number that differs for most different bytes.
uint32_t platform_hash(const uint8_t *bytes, size_t count);

// ---- Processes

enum { PLATFORM_STAGE_SETUP = 1, PLATFORM_STAGE_DIRECTORY = 2, PLATFORM_STAGE_EXECUTE = 3 };
struct platform_spawn {
    // Strings one behind the other, each ended by NUL.
    const uint8_t *arguments;
    const uint8_t *environment;
    int32_t argument_count, environment_count;
    const uint8_t *directory;
    const uint8_t *search;  // the value of PATH
    int32_t input;          // whether standard input is a pipe; otherwise /dev/null
    int32_t merge;          // whether standard error goes where standard output goes
    // Filled: the child, the parent's ends (-1 where there is none), and where it failed.
    int32_t process, input_descriptor, output_descriptor, error_descriptor, stage;
};
// Starts a child in a session of its own; returns when it executes its program or has failed to.
int32_t platform_spawn(struct platform_spawn *spawn);

struct platform_end {
    int32_t process, code, signal;  // code or signal is -1
    uint64_t processor_milliseconds;
};
// Takes the end of one child that has ended; returns 0 where there is none.
int32_t platform_reap(struct platform_end *end);
// Signals a process group.
int32_t platform_group_signal(int32_t leader, int32_t signal);
// Signals the living processes of a tree: those of the leader's session, their descendants, and strays whose environment has the marker.
// Leader 0 means every descendant of this process. Signal 0 counts only; SIGKILL is repeated, for at most two seconds, until none is left.
// Returns how many were there (for SIGKILL: how many are still there).
int32_t platform_tree_signal(int32_t leader, const uint8_t *marker, int32_t signal);

// ---- Searching

// Processors that this process may use; at least 1.
int32_t platform_processors(void);
// The path without links, `.` and `..`, into a buffer of at least 4097 bytes; returns its length.
int32_t platform_real_path(const uint8_t *path, uint8_t *buffer);
// Opens a file or a directory for reading and never through a symbolic link, nor waiting for a FIFO's other end.
int32_t platform_open_entry(const uint8_t *path, int32_t directory);
// The next entries of an open directory, each its kind (FileKind's raw value and one, so that NUL only ends an entry; unknown where the file system
// does not tell) and its name, ended by NUL. Returns the bytes used; `more` says whether there may be more. The buffer is aligned to 8 bytes and has more room than this.
enum { PLATFORM_ENTRY_ROOM = 512 };
int32_t platform_entries(int32_t descriptor, uint8_t *buffer, size_t capacity, int32_t *more);

// Sorts such entries by name.
int32_t platform_sort_entries(uint8_t *entries, size_t length);

// A glob's program: bytes that stand for themselves, and these.
enum {
    PLATFORM_GLOB_ANY = 1,      // one byte but a slash
    PLATFORM_GLOB_STAR = 2,     // any number of bytes but slashes
    PLATFORM_GLOB_DEEP = 3,     // nothing, or anything that ends with a slash
    PLATFORM_GLOB_ALL = 4,      // the rest
    PLATFORM_GLOB_CLASS = 5,    // one byte of the bitmap in the 32 bytes that follow
    PLATFORM_GLOB_LITERAL = 6,  // the byte that follows
};
int32_t platform_glob_match(const uint8_t *glob, size_t length, const uint8_t *path, size_t count);
// Rules one behind the other: flags, the length of the program in two bytes (high, low), the program.
enum {
    PLATFORM_RULE_INCLUDES = 1,   // what matches is wanted after all
    PLATFORM_RULE_DIRECTORY = 2,  // matches only directories
    PLATFORM_RULE_NAME = 4,       // is compared with the last component only, which is at `name`
};
// What the last rule that matches says: 0 none does, 1 ignored, 2 wanted.
int32_t platform_rules_match(
    const uint8_t *rules, size_t length, const uint8_t *path, size_t count, size_t name, int32_t is_directory);

// Null where there is none.
const uint8_t *platform_find_byte(const uint8_t *at, const uint8_t *end, uint8_t byte);
const uint8_t *platform_find_last_byte(const uint8_t *at, const uint8_t *end, uint8_t byte);
uint64_t platform_count_byte(const uint8_t *at, const uint8_t *end, uint8_t byte);
struct platform_literal {
    const uint8_t *bytes;
    size_t length;         // at least 1
    size_t first, second;  // where its two rarest bytes are
    int32_t ignore_case;   // of ASCII letters
};
// Fills `first` and `second`.
void platform_prepare_literal(struct platform_literal *literal);
// The first place of a literal, or null.
const uint8_t *platform_find_literal(const struct platform_literal *literal, const uint8_t *at, const uint8_t *end);
struct platform_regex;
enum {
    PLATFORM_REGEX_IGNORE_CASE = 1,
    PLATFORM_REGEX_FIXED = 2,  // the pattern is a text
    PLATFORM_REGEX_WORD = 4,   // a match begins and ends where words do
    PLATFORM_REGEX_LINE = 8,   // a match is the whole line
};
// Compiles a pattern, which must be UTF-8. Null where it cannot be: then why, as text of this program, and at which byte.
struct platform_regex *platform_regex_create(
    const uint8_t *pattern, size_t length, uint32_t options, const char **error, size_t *place);
void platform_regex_destroy(struct platform_regex *regex);

struct platform_matcher;
// Something that one thread at a time finds lines with, as long as the expression lives; null where there is no memory.
struct platform_matcher *platform_matcher_create(const struct platform_regex *regex);
void platform_matcher_destroy(struct platform_matcher *matcher);
// The first line that matches, of a text that begins with a line and ends with one, whose line feed may be missing; null where none does.
// `line_end` is where its line feed is, or the end of the text.
const uint8_t *platform_matcher_next(
    struct platform_matcher *matcher, const uint8_t *start, const uint8_t *end, const uint8_t **line_end);
// Instructions that were looked at so far.
uint64_t platform_matcher_work(const struct platform_matcher *matcher);

// ---- SHA-256

struct platform_sha256 {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
};
void platform_sha256_begin(struct platform_sha256 *hash);
void platform_sha256_add(struct platform_sha256 *hash, const void *bytes, size_t count);
void platform_sha256_end(struct platform_sha256 *hash, uint8_t digest[32]);

// ---- errno, as the numbers of this host

enum platform_errno {
    PLATFORM_ENOENT, PLATFORM_EACCES, PLATFORM_EPERM, PLATFORM_EROFS, PLATFORM_EEXIST, PLATFORM_ENOTEMPTY, PLATFORM_ENOTDIR,
    PLATFORM_EISDIR, PLATFORM_ENOSPC, PLATFORM_EDQUOT, PLATFORM_EFBIG, PLATFORM_ENAMETOOLONG, PLATFORM_EINVAL, PLATFORM_ELOOP,
    PLATFORM_ETIMEDOUT, PLATFORM_EXDEV, PLATFORM_EBUSY, PLATFORM_EMFILE, PLATFORM_ENFILE, PLATFORM_ENOMEM, PLATFORM_EIO, PLATFORM_E2BIG,
    PLATFORM_ESTALE, PLATFORM_ETXTBSY, PLATFORM_EAGAIN, PLATFORM_EPIPE, PLATFORM_ECANCELED, PLATFORM_ENOTSUP, PLATFORM_ENXIO,
    PLATFORM_ENOEXEC, PLATFORM_ELIBBAD, PLATFORM_OTHER,
};
// The name of an errno (positive or negated).
enum platform_errno platform_errno_name(int32_t error);

#endif
