// What the images have instead of musl's: there it brings code that nothing else needs. `strdup` (for `realpath`) would bring a second allocator,
// `memchr` and `strnlen` a second search for a byte.
#include <stdlib.h>
#include <string.h>

#include "CExecutorPlatform.h"

void *memchr(const void *bytes, int byte, size_t count) {
    const uint8_t *start = bytes;
    return (void *)platform_find_byte(start, start + count, (uint8_t)byte);
}

char *strdup(const char *string) {
    size_t size = strlen(string) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, string, size) : NULL;
}

size_t strnlen(const char *string, size_t limit) {
    size_t length = 0;
    while (length < limit && string[length]) length++;
    return length;
}
