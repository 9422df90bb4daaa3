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
// Milliseconds since 1970.
uint64_t platform_wall_clock(void);
// Kilobytes resident now; zero where the host does not tell.
uint64_t platform_resident_kilobytes(void);
// The environment's n-th entry, or null behind the last.
const uint8_t *platform_environment(int32_t index);
// A variable's value, or null.
const uint8_t *platform_variable(const uint8_t *name);
// Fills a buffer with system, machine, release and node name, each ended by NUL; returns the bytes used.
int32_t platform_uname(uint8_t *buffer, size_t capacity);
// Fills a buffer with the account's name, home and shell from /etc/passwd, each ended by NUL; returns the bytes used, or -ENOENT.
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
// At an offset, past the descriptor's own position.
int64_t platform_read_at(int32_t descriptor, void *buffer, size_t count, uint64_t offset);
int64_t platform_write_at(int32_t descriptor, const void *buffer, size_t count, uint64_t offset);
// Opens a file of a directory that has no name and goes with its descriptor.
int32_t platform_open_unnamed(const uint8_t *directory);
int32_t platform_seek(int32_t descriptor, uint64_t offset);
// Bytes that wait in a pipe.
int64_t platform_pending(int32_t descriptor);
// Whether two looks at a path found the same file, not changed in between.
int32_t platform_status_same(const struct platform_status *one, const struct platform_status *other);
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
int32_t platform_sync(int32_t descriptor);
int32_t platform_make_directory(const uint8_t *path, uint32_t mode);
int32_t platform_unlink(const uint8_t *path);
int32_t platform_remove_directory(const uint8_t *path);
int32_t platform_rename(const uint8_t *from, const uint8_t *to);
// Renames without replacing anything; -EEXIST where something is there. Race-free also where the kernel or file system lacks
// RENAME_NOREPLACE, except for directories, which then answer -EOPNOTSUPP.
int32_t platform_rename_new(const uint8_t *from, const uint8_t *to);
// A hard link to a path, or a symbolic one with a text.
int32_t platform_link(const uint8_t *target, const uint8_t *path, int32_t symbolic);
// -ENOTSUP for a symbolic link that is not followed.
int32_t platform_change_mode(const uint8_t *path, uint32_t mode, int32_t follow);
// Nanoseconds since 1970; INT64_MIN leaves one as it is.
int32_t platform_set_times(const uint8_t *path, int64_t accessed, int64_t modified, int32_t follow);
// The path without links, `.` and `..`, into a buffer of at least 4096 bytes; returns its length.
int64_t platform_real_path(const uint8_t *path, uint8_t *buffer, size_t capacity);
// Whether a NUL is among a file's first 8192 bytes. Its position stays.
int32_t platform_is_binary(int32_t descriptor);
// Removes a directory with everything in it, following no symbolic link; stops with -ECANCELED when the flag is raised. Where it fails, the
// entry's name is left in the buffer.
int32_t platform_remove_tree(const uint8_t *path, const int32_t *cancelled, uint8_t *failed, size_t capacity);

// A file that gets its name when it is complete. Where the file system and the host can do it, it has none before; else it is called
// `.portal-…`, which is left behind where the process is killed.
struct platform_new_file {
    int32_t directory, descriptor;
    // Empty where it has none.
    uint8_t name[80];
};
int32_t platform_new_file_open(const uint8_t *directory, struct platform_new_file *file);
// The same, but under `.portal-part-` and a name, where it may be already: its first `offset` bytes are kept. Nobody else has it meanwhile.
enum { PLATFORM_PART_BUSY = 1, PLATFORM_PART_SHORT = 2 };
int32_t platform_new_file_part(const uint8_t *directory, const uint8_t *part, uint64_t offset, struct platform_new_file *file);
// What was not placed is left where it is when it is forgotten.
void platform_new_file_leave(struct platform_new_file *file);
// Forgets it; what was not placed is removed.
void platform_new_file_discard(struct platform_new_file *file);
struct platform_commit {
    const uint8_t *target;  // in the new file's directory
    uint32_t mode;          // of a file that replaces none
    uint8_t replaces;       // whether it gets the owner, mode, access list and extended attributes of what is at the target
    uint8_t is_new;         // whether nothing may be at the target: else -EEXIST
    uint8_t into_file;      // whether its content goes into the file at the target, which is not atomic
    uint8_t sync;
    uint8_t applied;        // where it failed: 0 nothing has changed, 1 it is in place, 2 it may be there in part
    // What it could not keep: names, each ended by NUL.
    uint8_t *lost;
    size_t capacity, lost_length;
};
// Puts a complete file in place.
int32_t platform_new_file_commit(struct platform_new_file *file, struct platform_commit *commit);
// What serializes those who look at a file of a directory and then replace it; a few directories share one.
struct platform_lock *platform_directory_lock(const uint8_t *directory);
struct platform_copy {
    const int32_t *cancelled;
    uint8_t recursive, replace, preserve;
    // Filled: what was made, symbolic links among the files; of the files, how many share their blocks with the original.
    uint64_t files, directories, bytes, cloned;
    uint8_t is_into_itself;
    // Its own.
    uint8_t in_kernel, can_clone;
    uint8_t *buffer, *failed;
    size_t capacity;
};
// Copies a file, a link or a tree to a name in a directory; stops with -ECANCELED when the flag is raised. Where it fails below the tree's
// root, the names on the way there are left in the buffer.
int32_t platform_copy_tree(
    const uint8_t *from, const uint8_t *directory, const uint8_t *name, struct platform_copy *copy, uint8_t *failed, size_t capacity);

// ---- Text

// Where a part occurs first, or -1.
int64_t platform_find(const uint8_t *text, size_t length, const uint8_t *part, size_t part_length);
// Passes as many line feeds as wanted, and counts them down; returns the bytes up to and with the last of them, or all.
size_t platform_pass_lines(const uint8_t *text, size_t length, uint64_t *wanted);
// Finds where a text is most like a part that is not in it, white space and kinds of quotes left out; best first. Returns how many there are,
// at most three, each on a line of its own.
int32_t platform_find_near(const uint8_t *text, size_t length, const uint8_t *part, size_t part_length, uint64_t offsets[3]);

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

enum {
    PLATFORM_STAGE_SETUP = 1,
    PLATFORM_STAGE_DIRECTORY = 2,
    PLATFORM_STAGE_EXECUTE = 3,
    PLATFORM_STAGE_TERMINAL = 4,
    PLATFORM_STAGE_SANDBOX = 5,
};
struct platform_spawn {
    int32_t input;          // whether standard input is a pipe; otherwise /dev/null
    int32_t merge;          // whether standard error goes where standard output goes
    uint32_t rows, columns;  // of the terminal that it gets; no rows, no terminal
    // Filled: the child, the parent's ends (-1 where there is none; of a terminal two for the same end), and where it failed.
    int32_t process, input_descriptor, output_descriptor, error_descriptor, stage;
};
// Starts a child in a session of its own; returns when it executes its program or has failed to. Arguments and environment are strings one
// behind the other, each ended by NUL. A program without a slash is looked up in the environment's PATH. The sandbox (internal.h) is empty, one
// NUL, where there is none.
int32_t platform_spawn(
    struct platform_spawn *spawn, const uint8_t *program, const uint8_t *arguments, size_t arguments_length, const uint8_t *environment,
    size_t environment_length, const uint8_t *directory, const uint8_t *sandbox);

struct platform_end {
    int32_t process, code, signal;  // code or signal is -1
    uint64_t processor_milliseconds;
};
// Takes the end of one child that has ended; returns 0 where there is none.
int32_t platform_reap(struct platform_end *end);
// Signals a process group. A group of which nobody is left is no failure.
int32_t platform_group_signal(int32_t leader, int32_t signal);
struct platform_tree {
    int32_t leader;   // 0 for every descendant of this process, in a call of its own
    uint32_t number;  // of the marker
    int32_t signal;   // 0 only counts
    int32_t living;   // filled: how many were there
};
// Signals the living processes of trees, looking once at all processes: those of a leader's session, their descendants, and strays whose
// environment has the prefix with the tree's number behind it.
int32_t platform_trees_signal(struct platform_tree *trees, int32_t count, const uint8_t *prefix);
// Kills every descendant of this process, again for at most two seconds until none is left. Returns how many are.
int32_t platform_kill_all(const uint8_t *prefix);
// The user's own shell: SHELL, or the account's, where it is there and lets the user in; else /bin/sh.
void platform_shell(uint8_t *buffer, size_t capacity);
// Environments are entries one behind the other, each ended by NUL. Changes are entries, or names of which the entries go; the result needs
// room for both. Returns the bytes used.
size_t platform_environment_change(
    const uint8_t *base, size_t base_length, const uint8_t *changes, size_t changes_length, uint8_t *result);
// The value of a name, or null.
const uint8_t *platform_environment_value(const uint8_t *environment, size_t length, const char *name);
// For `executor environment TOKEN`.
void platform_say_environment(const uint8_t *token);
// Has a login shell say its environment, waiting for at most seven seconds. It gets this process's own, and the marker (an entry; what is
// before its number; its number) for what start-up files leave running. Fills in memory that is given back by `platform_free` and returns its
// length; else -1 where the shell ended without saying it, -2 where it was not ready in time, -3 where it could not be started.
int64_t platform_login_environment(
    const uint8_t *shell, const uint8_t *own, size_t own_length, const uint8_t *marker, const uint8_t *prefix, uint32_t number,
    const int32_t *gave_up, uint8_t **result);
void platform_free(void *memory);
// Another size for a terminal.
int32_t platform_resize(int32_t terminal, uint32_t rows, uint32_t columns);

// ---- Sessions that outlive their links

// What is at the directory's path is no directory, another user's, or open to others.
enum { PLATFORM_NOT_PRIVATE = -4096 };
// Descriptors of a link's bytes, and of a channel to the process that waits for the link's end, -1 where none does: one byte is that process's
// exit status, and the channel's end the status 0.
struct platform_link {
    int32_t input, output, channel;
};
// What a command line of `serve` asks for, and what it is given.
struct platform_serve {
    const uint8_t *token, *program;
    uint64_t linger_seconds;  // 0 where it was not asked for
    const uint8_t *former;    // the session to be resumed, or null
    // Filled when it begins: the session's secret, the prefix of its processes' markers, its first link, and the socket where later ones come in.
    const uint8_t *secret, *prefix;
    struct platform_link link;
    int32_t listener;
};
// Whether it makes sense. There are three arguments or more.
int32_t platform_read_serve(int32_t count, char *const *arguments, struct platform_serve *serve);
// Prepares this process for a session. One that lingers gets a socket in the directory `sessions` beside the program, from which the sockets of
// killed executors are removed, and then a process of its own: this is where it goes on, away from whoever started it, and with a supervisor for
// its parent that kills what it leaves. Where the former session has a living executor, that gets the link instead. Whoever was started exits
// when its link ends. Before any other thread, and once. Where it fails the session has no socket and ends with its link.
int32_t platform_session_begin(struct platform_serve *serve);
// The directory, as far as it was known.
const uint8_t *platform_session_directory(void);
// Nobody finds the session any more.
void platform_session_remove(void);
// Takes a link that waits at the socket. Returns its token, which is there until the next call, or null where there was none.
const uint8_t *platform_session_receive(struct platform_link *link);

// ---- Records of processes in the background

// A record is shared with the supervisor. When the executor is killed, the supervisor writes them all into a file, from which the next executor
// of this peer takes them: what a process was, how it ended, and the last that it printed.
enum { PLATFORM_RECORD_CHANGES = 32, PLATFORM_RECORD_TEXT = 128 + 1024 + 4096, PLATFORM_RECORD_TAIL = 10 * 1024 };
struct platform_record {
    uint32_t layout;             // of this structure; 0 where it is free
    uint32_t owner;              // whoever took it; another record of the same place has another owner
    int32_t process;             // 0 before it runs
    int32_t has_ended, has_terminal;
    int32_t is_lost;             // it ended when its executor had been killed
    int32_t code, signal;        // of its end: one of them is -1
    uint32_t changes;            // how often one stream followed the other
    uint64_t started;            // by the wall clock, in milliseconds
    uint64_t clock;              // the same by `platform_clock`
    uint64_t wall_milliseconds, processor_milliseconds;  // of its end
    uint64_t printed;            // bytes so far
    uint64_t writing;            // the same with those that are being written, which stand where older ones stood
    // The last ones, and one that is being written: twice the byte's number, and one more where it is of standard error.
    uint64_t change[PLATFORM_RECORD_CHANGES + 1];
    uint16_t lengths[4];         // of its name, its command and its directory, one after another in `text`
    uint8_t text[PLATFORM_RECORD_TEXT];
    uint8_t tail[PLATFORM_RECORD_TAIL];        // the newest bytes, each at its number
};
// A free one, or that of the process which was started first of those that ended; null where there is none, or no supervisor.
struct platform_record *platform_record_take(uint32_t owner);
// The records in use, one after another: the first for null, null after the last.
struct platform_record *platform_record_next(struct platform_record *record);
void platform_record_drop(struct platform_record *record);
// Adds one of the three texts; what there is no room for is left out.
void platform_record_describe(struct platform_record *record, int32_t index, const uint8_t *text, size_t count);
void platform_record_text(const struct platform_record *record, int32_t offset, uint8_t *buffer, size_t count);
void platform_record_print(struct platform_record *record, const uint8_t *bytes, size_t count, int32_t error);
// The number of the first byte that is there, and the changes from then on, at most PLATFORM_RECORD_CHANGES.
uint64_t platform_record_first(const struct platform_record *record, uint64_t *changes, int32_t *count);
void platform_record_copy(const struct platform_record *record, uint64_t position, uint8_t *buffer, size_t count);

// ---- Searching

// Processors that this process may use; at least 1.
int32_t platform_processors(void);
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
