// Sessions that outlive their links: the private directory of their sockets, and the hand-over of a link to the executor of one.
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { NAME = 16 };

// What carries a link: some bytes, and two descriptors beside them.
struct parcel {
    struct msghdr message;
    struct iovec part;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control;
};

static void prepare(struct parcel *parcel, void *bytes, size_t count) {
    memset(parcel, 0, sizeof *parcel);
    parcel->part.iov_base = bytes;
    parcel->part.iov_len = count;
    parcel->message.msg_iov = &parcel->part;
    parcel->message.msg_iovlen = 1;
    parcel->message.msg_control = &parcel->control;
    parcel->message.msg_controllen = sizeof parcel->control;
}

int32_t platform_sessions_open(const uint8_t *program, uint8_t *path, size_t capacity) {
    size_t length = strlen((const char *)program);
    if (length + sizeof "sessions" > capacity) return -ENAMETOOLONG;
    if (strchr((const char *)program, '/')) {
        memcpy(path, program, length);
    } else {
        ssize_t count = readlink("/proc/self/exe", (char *)path, capacity - sizeof "sessions");
        if (count < 0) return -errno;
        length = (size_t)count;
    }
    while (length > 0 && path[length - 1] != '/') length--;
    memcpy(path + length, "sessions", sizeof "sessions");
    if (mkdir((char *)path, 0700) < 0 && errno != EEXIST) return -errno;
    int directory = open((char *)path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return errno == ELOOP || errno == ENOTDIR ? PLATFORM_NOT_PRIVATE : -errno;
    struct stat status;
    if (fstat(directory, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 0777) == 0700) return directory;
    close(directory);
    return PLATFORM_NOT_PRIVATE;
}

// A directory of homes may be shared by hosts, and a socket is only the host's that bound it: so the file has the host's name too.
static void set_file(struct sockaddr_un *address, const char *name) {
    struct utsname names;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, name, NAME);
    address->sun_path[NAME] = '.';
    if (uname(&names) == 0) strcpy(address->sun_path + NAME + 1, names.nodename);
}

// A socket that was bound or connected, in the working directory.
static int make(int type, int (*use)(int, const struct sockaddr *, socklen_t), const struct sockaddr_un *address) {
    int made = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -errno;
    if (use(made, (const struct sockaddr *)address, sizeof *address) == 0) return made;
    int error = errno;
    close(made);
    return -error;
}

// Removes the sockets of this host whose executors were killed. A socket that somebody has refuses another type than its own with another
// error than one that nobody has, and whoever listens there hears nothing of it.
static void sweep(const struct sockaddr_un *own) {
    struct sockaddr_un address = *own;
    DIR *directory = opendir(".");
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (strlen(entry->d_name) <= NAME || strcmp(entry->d_name + NAME, own->sun_path + NAME) != 0) continue;
        memcpy(address.sun_path, entry->d_name, NAME);
        if (make(SOCK_DGRAM, connect, &address) == -ECONNREFUSED) unlink(address.sun_path);
    }
    if (directory) closedir(directory);
}

static int begin_listening(const struct sockaddr_un *address) {
    sweep(address);
    mode_t before = umask(0177);
    int listener = make(SOCK_STREAM, bind, address);
    umask(before);
    if (listener >= 0) listen(listener, 8);
    return listener;
}

// An address has room for a hundred bytes only, so the directory is the working directory meanwhile.
static int in_directory(int directory, const uint8_t *name, int listens) {
    struct sockaddr_un address;
    set_file(&address, (const char *)name);
    int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (before < 0) return -errno;
    int result = -EACCES;
    if (fchdir(directory) == 0) {
        result = listens ? begin_listening(&address) : make(SOCK_STREAM, connect, &address);
        if (fchdir(before) < 0) result = -errno;
    }
    close(before);
    return result;
}

int32_t platform_session_listen(int32_t directory, const uint8_t *name) { return in_directory(directory, name, 1); }

void platform_session_remove(int32_t directory, const uint8_t *name) {
    struct sockaddr_un address;
    set_file(&address, (const char *)name);
    unlinkat(directory, address.sun_path, 0);
}

static int is_own(int connection) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

void platform_session_front(int32_t channel) {
    for (int number = 0; number < FEW_DESCRIPTORS; number++) {
        if (number != channel) close(number);
    }
    for (;;) {
        uint8_t status = 0;
        platform_wait_ready(channel, PLATFORM_READABLE, -1);
        if (platform_read(channel, &status, 1) != -EAGAIN) _exit(status);
    }
}

int32_t platform_session_resume(int32_t directory, const uint8_t *name, const uint8_t *token) {
    int channel = in_directory(directory, name, 0);
    if (channel < 0) return channel;
    struct parcel parcel;
    uint8_t ready;
    prepare(&parcel, (void *)token, strlen((const char *)token));
    const int descriptors[] = {0, 1};
    parcel.control.header.cmsg_level = SOL_SOCKET;
    parcel.control.header.cmsg_type = SCM_RIGHTS;
    parcel.control.header.cmsg_len = CMSG_LEN(sizeof descriptors);
    memcpy(CMSG_DATA(&parcel.control.header), descriptors, sizeof descriptors);
    // Nothing is handed over before the executor has said that it is there: one that hangs would write on the link of the next session.
    if (is_own(channel) && platform_wait_ready(channel, PLATFORM_READABLE, 5000) && platform_read(channel, &ready, 1) == 1
        && sendmsg(channel, &parcel.message, MSG_NOSIGNAL) > 0)
        platform_session_front(channel);
    close(channel);
    return -ECONNREFUSED;
}

int32_t platform_session_accept(int32_t listener) {
    int channel = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (channel < 0) return -errno;
    if (is_own(channel) && platform_write(channel, "", 1) == 1) return channel;
    close(channel);
    return -EACCES;
}

int32_t platform_session_receive(int32_t channel, uint8_t *token, size_t capacity, int32_t link[2]) {
    struct parcel parcel;
    prepare(&parcel, token, capacity);
    ssize_t count = recvmsg(channel, &parcel.message, MSG_CMSG_CLOEXEC);
    if (count < 0) return -errno;
    struct cmsghdr *header = CMSG_FIRSTHDR(&parcel.message);
    if (!header || header->cmsg_type != SCM_RIGHTS) return 0;
    memcpy(link, CMSG_DATA(header), 2 * sizeof *link);
    if (header->cmsg_len == CMSG_LEN(2 * sizeof *link)) return (int32_t)count;
    close(link[0]);
    return 0;
}
