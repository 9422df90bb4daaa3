// The executor's images, one for each architecture, in the program's read-only data. Scripts/build-executors makes them.
#ifndef PORTAL_IMAGES_H
#define PORTAL_IMAGES_H

#include <stddef.h>

struct portal_image {
    // One of Scripts/build-executors' architectures, e.g. "aarch64".
    const char *machine;
    // The image, `size` bytes. Where it was not built before this target was compiled, the size is 0.
    const unsigned char *bytes;
    size_t size;
    // The SHA-256 of the bytes, 64 lowercase hexadecimal digits; empty where the size is 0.
    const char *sha256_hex;
};

// Every architecture's image, `count` of them, whether it was built or not. Valid for as long as the program runs.
const struct portal_image *portal_images(size_t *count);

#endif
