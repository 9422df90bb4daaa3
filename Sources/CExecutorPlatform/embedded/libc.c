// What the images have instead of musl's: there it brings code that nothing else needs. `memchr` would bring a second search for a byte,
// `strchr` and its like a third, for vectors; and reading a directory looks twice at what it is given.
#include "../internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void *memchr(const void *bytes, int byte, size_t count) {
    const uint8_t *start = bytes;
    return (void *)platform_find_byte(start, start + count, (uint8_t)byte);
}

char *strchrnul(const char *string, int letter) {
    while (*string && *string != (char)letter) string++;
    return (char *)string;
}

char *strchr(const char *string, int letter) {
    string = strchrnul(string, letter);
    return *string == (char)letter ? (char *)string : NULL;
}

char *strrchr(const char *string, int letter) {
    const char *last = NULL;
    do if (*string == (char)letter) last = string;
    while (*string++);
    return (char *)last;
}

char *stpcpy(char *copy, const char *string) {
    while ((*copy = *string++)) copy++;
    return copy;
}

char *getenv(const char *name) {
    for (char **entry = environ; entry && *entry; entry++) {
        size_t length = 0;
        while (name[length] && (*entry)[length] == name[length]) length++;
        if (!name[length] && (*entry)[length] == '=') return *entry + length + 1;
    }
    return NULL;
}

// ---- Directories

struct __dirstream {
    int descriptor;
    int place, end;  // what was read and not taken
    _Alignas(struct dirent) char entries[2048];
};

DIR *fdopendir(int descriptor) {
    DIR *directory = malloc(sizeof *directory);
    if (directory) {
        directory->descriptor = descriptor;
        directory->place = directory->end = 0;
    }
    return directory;
}

DIR *opendir(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (descriptor >= 0 && !directory) close(descriptor);
    return directory;
}

struct dirent *readdir(DIR *directory) {
    if (directory->place == directory->end) {
        long length = syscall(SYS_getdents64, directory->descriptor, directory->entries, sizeof directory->entries);
        if (length <= 0) {
            // One that was removed is empty.
            if (length < 0 && errno == ENOENT) errno = 0;
            return NULL;
        }
        directory->place = 0;
        directory->end = (int)length;
    }
    struct dirent *entry = (struct dirent *)(directory->entries + directory->place);
    directory->place += entry->d_reclen;
    return entry;
}

int dirfd(DIR *directory) { return directory->descriptor; }

int closedir(DIR *directory) {
    int result = close(directory->descriptor);
    free(directory);
    return result;
}

// Between the two, musl lets no library be loaded, which takes its locks for readers and writers; a static program loads none.
void __acquire_ptc(void) {}
void __release_ptc(void) {}
