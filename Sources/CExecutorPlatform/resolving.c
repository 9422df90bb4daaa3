// Where a path leads. Not `realpath`: musl's takes three times the code, for paths of which nothing is known and a directory to start from.
#include "internal.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { most_links = 40 };  // as the kernel follows

// The length of what is above a path, which has no slash at its end: nothing for the root.
static size_t above(const char *path, size_t length) {
    while (length > 0 && path[--length] != '/') {}
    return length;
}

int64_t platform_real_path(const uint8_t *path, uint8_t *buffer, size_t capacity) {
    // What is still to be followed stands at the end of its room, so that what a link says has a place before it.
    char rest[PATH_MAX], *real = (char *)buffer;
    size_t length = strlen((const char *)path);
    if (length >= sizeof rest || capacity < sizeof rest) return -ENAMETOOLONG;
    size_t place = sizeof rest - 1 - length, end = 0;
    memcpy(rest + place, path, length + 1);
    // Whether what is followed so far is known to be a directory, or need not be one.
    int links = 0, is_directory = 1;
    for (;;) {
        while (rest[place] == '/') place++;
        size_t count = 0;
        while (rest[place + count] && rest[place + count] != '/') count++;
        if (count == 0 && is_directory) break;
        const char *name = rest + place;
        int is_parent = count == 2 && name[0] == '.' && name[1] == '.';
        if (count == 1 && name[0] == '.') {
            place++;
            continue;
        }
        if (is_parent && is_directory) {
            end = above(real, end);
            place += 2;
            continue;
        }
        // Reading `x/..` or `x/` as a link tells whether x is a directory.
        if (end + 1 + count >= sizeof rest) return -ENAMETOOLONG;
        real[end] = '/';
        memcpy(real + end + 1, name, count);
        real[end + 1 + count] = 0;
        place += count;
        ssize_t found = readlink(real, rest, place);
        if (found < 0) {
            // It is there, and no link.
            if (errno != EINVAL) return -errno;
            is_directory = is_parent || count == 0 || rest[place] == 0;
            if (is_parent) {
                end = above(real, end);
            } else if (count > 0) {
                end += 1 + count;
            }
            continue;
        }
        if (found == 0) return -ENOENT;
        if ((size_t)found == place) return -ENAMETOOLONG;
        if (++links > most_links) return -ELOOP;
        place -= (size_t)found;
        memmove(rest + place, rest, (size_t)found);
        if (rest[place] == '/') end = 0;
        is_directory = 1;
    }
    if (end == 0) real[end++] = '/';
    real[end] = 0;
    return (int64_t)end;
}
