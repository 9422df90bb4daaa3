// What the images have instead of musl's: there it brings code that nothing else needs. `strdup` (for `realpath`) would bring a second allocator,
// `memchr` and `strnlen` a second search for a byte, `strchr` and its like a third, for vectors.
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

char *strchrnul(const char *string, int letter) {
    while (*string && *string != (char)letter) string++;
    return (char *)string;
}

// musl's own name of it.
char *__strchrnul(const char *string, int letter) { return strchrnul(string, letter); }

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

char *strcat(char *text, const char *string) {
    stpcpy(text + strlen(text), string);
    return text;
}

int strncmp(const char *left, const char *right, size_t limit) {
    for (; limit; limit--, left++, right++) {
        if (*left != *right || !*left) return (unsigned char)*left - (unsigned char)*right;
    }
    return 0;
}

extern char **environ;

char *getenv(const char *name) {
    size_t length = strlen(name);
    for (char **entry = environ; entry && *entry; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return *entry + length + 1;
    }
    return NULL;
}

// Between the two, musl lets no library be loaded, which takes its locks for readers and writers; a static program loads none.
void __acquire_ptc(void) {}
void __release_ptc(void) {}
