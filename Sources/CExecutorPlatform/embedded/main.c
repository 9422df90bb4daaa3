// What an image has and the SwiftPM build has not: C's `main`, and what the embedded Swift runtime expects of a libc and musl lacks.
#include <stdlib.h>

#include "CExecutorPlatform.h"

int32_t portal_executor_main(int32_t argument_count, char **arguments);

int main(int argument_count, char **arguments) { return portal_executor_main(argument_count, arguments); }

// The seed of Swift's hashing. A seed that others can guess would be worse than no executor.
void arc4random_buf(void *buffer, size_t count) {
    if (platform_random(buffer, count) < 0) abort();
}
