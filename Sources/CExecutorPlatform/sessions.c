// Sessions that outlive their links: the private directory of their sockets, and the hand-over of a link to the executor of one.
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

// The C library's functions for sockets are ten times the code of the calls that they make; this is all that is used of them. A 32-bit x86
// kernel before 4.3 has other calls, and then the executor ends with its link.
#define socket(domain, type) (int)syscall(SYS_socket, domain, type, 0)

enum { NAME = 16, ANSWER_MILLISECONDS = 5000, RECORDS_MILLISECONDS = 1000, RECORDS_SECONDS = 24 * 60 * 60 };

// The file with a session's records is called like its socket, and this.
static const char records_suffix[] = ".lost";

// This process's session.
static int directory = -1, listener = -1;
static char path[4096];
static struct sockaddr_un own;

// What hands a link over: its token, and three descriptors beside it.
struct parcel {
    struct msghdr message;
    struct iovec part;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(3 * sizeof(int32_t))];
    } control;
};

static void prepare(struct parcel *parcel, const uint8_t *bytes, size_t count) {
    memset(parcel, 0, sizeof *parcel);
    parcel->part.iov_base = (void *)bytes;
    parcel->part.iov_len = count;
    parcel->message.msg_iov = &parcel->part;
    parcel->message.msg_iovlen = 1;
    parcel->message.msg_control = &parcel->control;
    parcel->message.msg_controllen = CMSG_LEN(3 * sizeof(int32_t));
}

const uint8_t *platform_session_directory(void) { return (const uint8_t *)path; }

static int open_directory(const char *program) {
    size_t length = strlen(program);
    ssize_t count = -1;
    if (!strchr(program, '/')) {
        count = readlink("/proc/self/exe", path, sizeof path - sizeof "sessions");
        if (count < 0) return -errno;
        length = (size_t)count;
    }
    if (length > sizeof path - sizeof "sessions") return -ENAMETOOLONG;
    if (count < 0) memcpy(path, program, length);
    while (length > 0 && path[length - 1] != '/') length--;
    memcpy(path + length, "sessions", sizeof "sessions");
    if (mkdir(path, 0700) < 0 && errno != EEXIST) return -errno;
    directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return errno == ELOOP || errno == ENOTDIR ? PLATFORM_NOT_PRIVATE : -errno;
    struct stat status;
    if (fstat(directory, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 0777) == 0700) return 0;
    return PLATFORM_NOT_PRIVATE;
}

static void hexadecimal(char *text, const uint8_t *bytes, int digits) {
    for (int index = 0; index < digits; index++) text[index] = "0123456789abcdef"[bytes[index / 2] >> (index % 2 ? 0 : 4) & 15];
}

// What a session is called where others may read it, on command lines: the beginning of its secret's SHA-256.
static void set_name(char *name, const char *secret) {
    struct platform_sha256 hash;
    uint8_t digest[32];
    platform_sha256_begin(&hash);
    platform_sha256_add(&hash, secret, strlen(secret));
    platform_sha256_end(&hash, digest);
    hexadecimal(name, digest, NAME);
}

static void name_records(char *name, const char *session) {
    size_t length = strlen(session);
    memcpy(name, session, length);
    memcpy(name + length, records_suffix, sizeof records_suffix);
}

void platform_session_save(void) {
    char name[sizeof own.sun_path + sizeof records_suffix];
    name_records(name, own.sun_path);
    platform_records_save(directory, name);
}

// What the markers of a session's processes begin with, until the next call.
static const uint8_t *prefix_of(const void *session) {
    static char prefix[] = "PORTAL_PROCESS=0123456789abcdef.";
    memcpy(prefix + sizeof "PORTAL_PROCESS", session, NAME);
    return (const uint8_t *)prefix;
}

// Whether a socket is there that nobody has: it refuses one of another type with another error than one that somebody has, who hears nothing of it.
static int is_abandoned(const struct sockaddr_un *address) {
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    int found = syscall(SYS_connect, probe, address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(probe);
    return found;
}

// Where a session's executor was killed: takes what is known of its processes. Its supervisor removes the socket when that is written; where the
// supervisor was killed too, ends the processes in its stead.
static void succeed(const uint8_t *former) {
    char name[sizeof own.sun_path + sizeof records_suffix];
    struct sockaddr_un address = own;
    memcpy(address.sun_path, former, NAME);
    int waited = 0;
    for (; waited < RECORDS_MILLISECONDS && is_abandoned(&address); waited += 10) {
        struct timespec time = {0, 10000000};
        nanosleep(&time, NULL);
    }
    if (waited >= RECORDS_MILLISECONDS) platform_kill_all(prefix_of(former));
    name_records(name, address.sun_path);
    platform_records_load(name);
}

// Records that no executor asked for in a day.
static void remove_old_records(const char *name, const char *suffix) {
    struct stat status;
    struct timespec now;
    if (strcmp(suffix, records_suffix) != 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 || fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return;
    if (status.st_mtim.tv_sec + RECORDS_SECONDS < now.tv_sec) unlink(name);
}

// Removes the sockets of this host whose executors were killed. A home may be shared by hosts: what other hosts bound is not looked at.
static void sweep(void) {
    struct sockaddr_un address = own;
    DIR *entries = opendir(".");
    struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        size_t length = strlen(own.sun_path);
        if (strlen(entry->d_name) < length || memcmp(entry->d_name + NAME, own.sun_path + NAME, length - NAME) != 0) continue;
        if (entry->d_name[length]) {
            remove_old_records(entry->d_name, entry->d_name + length);
            continue;
        }
        memcpy(address.sun_path, entry->d_name, NAME);
        if (is_abandoned(&address)) unlink(address.sun_path);
    }
    if (entries) closedir(entries);
}

// Gives standard input and output to another session's executor, if it is there and says so.
static void hand_over(const uint8_t *former, const uint8_t *token) {
    int channel[2];
    struct sockaddr_un address = own;
    struct parcel parcel;
    uint8_t answer;
    if (syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channel) < 0) return;
    memcpy(address.sun_path, former, NAME);
    prepare(&parcel, token, strlen((const char *)token));
    parcel.message.msg_name = &address;
    parcel.message.msg_namelen = sizeof address;
    const int32_t link[] = {0, 1, channel[1]};
    parcel.control.header.cmsg_level = SOL_SOCKET;
    parcel.control.header.cmsg_type = SCM_RIGHTS;
    parcel.control.header.cmsg_len = CMSG_LEN(sizeof link);
    memcpy(CMSG_DATA(&parcel.control.header), link, sizeof link);
    long sent = syscall(SYS_sendmsg, listener, &parcel.message, MSG_NOSIGNAL);
    close(channel[1]);
    if (sent > 0) {
        // One that hangs cannot answer when this was given up, and who cannot answer does not take the link, which is another executor's by then.
        if (!platform_wait_ready(channel[0], PLATFORM_READABLE, ANSWER_MILLISECONDS)) syscall(SYS_shutdown, channel[0], SHUT_RD);
        if (platform_read(channel[0], &answer, 1) == 1) platform_session_front(channel[0]);
    }
    close(channel[0]);
}

// A socket is bound a moment after its file is there: until then it has a name that no sweep looks at.
static int bind_own(void) {
    struct sockaddr_un first = own;
    first.sun_path[NAME] = '-';
    mode_t before = umask(0177);
    long status = syscall(SYS_bind, listener, &first, sizeof first);
    umask(before);
    return status < 0 || rename(first.sun_path, own.sun_path) < 0 ? -errno : 0;
}

static int find_place(const struct platform_serve *serve) {
    struct utsname names;
    int error = open_directory((const char *)serve->program);
    if (error < 0) return error;
    own.sun_family = AF_UNIX;
    own.sun_path[NAME] = '.';
    if (uname(&names) == 0) strcpy(own.sun_path + NAME + 1, names.nodename);
    listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    // An address has room for a hundred bytes only, so the directory is the working directory meanwhile.
    int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (listener < 0 || before < 0 || fchdir(directory) < 0) return -errno;
    if (serve->former) {
        hand_over(serve->former, serve->token);
        succeed(serve->former);
    }
    sweep();
    error = bind_own();
    if (fchdir(before) < 0) error = -errno;
    close(before);
    return error;
}

int32_t platform_session_begin(struct platform_serve *serve) {
    static char secret[33];
    uint8_t random[16];
    platform_prepare();
    int32_t error = platform_random(random, sizeof random);
    hexadecimal(secret, random, 32);
    set_name(own.sun_path, secret);
    serve->secret = (uint8_t *)secret;
    serve->link = (struct platform_link){0, 1, -1};
    serve->listener = -1;
    int lingers = error == 0 && serve->linger_seconds > 0;
    if (lingers) {
        platform_records_prepare();
        error = find_place(serve);
    }
    serve->prefix = prefix_of(own.sun_path);
    if (!lingers) return error;
    if (error == 0) error = platform_session_detach(serve->prefix, &serve->link);
    if (error == 0) serve->listener = listener;
    else platform_session_remove();
    return error;
}

void platform_session_remove(void) {
    unlinkat(directory, own.sun_path, 0);
    close(listener);
}

const uint8_t *platform_session_receive(struct platform_link *link) {
    static uint8_t token[128 + 1];
    struct parcel parcel;
    struct ucred peer;
    socklen_t length = sizeof peer;
    int32_t received[3] = {-1, -1, -1};
    prepare(&parcel, token, sizeof token - 1);
    long count = syscall(SYS_recvmsg, listener, &parcel.message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = CMSG_FIRSTHDR(&parcel.message);
    if (count < 0 || !header || header->cmsg_type != SCM_RIGHTS) return NULL;
    token[count] = 0;
    size_t size = header->cmsg_len - CMSG_LEN(0);
    memcpy(received, CMSG_DATA(header), size);
    *link = (struct platform_link){received[0], received[1], received[2]};
    // The channel was made by who hands over. Where that has given up by now, the link is another executor's.
    if (size == sizeof received && syscall(SYS_getsockopt, link->channel, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0
        && peer.uid == geteuid() && platform_write(link->channel, "", 1) == 1)
        return token;
    for (size_t index = 0; index < size / sizeof *received; index++) close(received[index]);
    return NULL;
}

void platform_session_front(int32_t channel) {
    uint8_t status = 0;
    platform_session_keep(channel);
    do platform_wait_ready(channel, PLATFORM_READABLE, -1);
    while (platform_read(channel, &status, 1) == -EAGAIN);
    _exit(status);
}

void platform_session_keep(int32_t channel) {
    for (int number = 0; number < 32; number++) {
        if (number != channel && number != directory) close(number);
    }
}

int32_t platform_read_serve(int32_t count, char *const *arguments, struct platform_serve *serve) {
    memset(serve, 0, sizeof *serve);
    serve->program = (const uint8_t *)arguments[0];
    serve->token = (const uint8_t *)arguments[2];
    if (count == 3) return 1;
    if ((count != 5 && count != 7) || strcmp(arguments[3], "--linger") != 0) return 0;
    const char *digits = arguments[4];
    if (*digits < '0' || strlen(digits) > 10) return 0;
    serve->linger_seconds = platform_digits(&digits);
    if (*digits || serve->linger_seconds == 0 || serve->linger_seconds > INT32_MAX) return 0;
    if (count == 5) return 1;
    serve->former = (const uint8_t *)arguments[6];
    int length = 0;
    while (arguments[6][length] && strchr("0123456789abcdef", arguments[6][length])) length++;
    return strcmp(arguments[5], "--resume") == 0 && length == NAME && !arguments[6][NAME];
}
