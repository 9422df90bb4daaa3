// `#embed` puts the images into the list of files that this one depends on: SwiftPM compiles it again when one changes. What was not there
// is not in that list; Scripts/build-executors touches this file when it makes an image for the first time.
#include "PortalImages.h"

#if defined(__clang__) && __clang_major__ >= 19
// The extension is as good as the standard's: SwiftPM compiles C as C17 unless the package says otherwise.
#pragma clang diagnostic ignored "-Wc23-extensions"
#endif

// `__has_embed` is not in every compiler, and a macro may not stand for it.
#ifdef __has_embed
#define HAS_EMBED 1
#else
#define HAS_EMBED 0
#endif

#define EMPTY(ARCHITECTURE) \
    static const unsigned char image_##ARCHITECTURE[] = {0}; \
    enum { size_##ARCHITECTURE = 0 }; \
    static const char hash_##ARCHITECTURE[] = "";

#if HAS_EMBED && __has_embed("../../Images/executor-x86_64") && __has_embed("../../Images/executor-x86_64.sha256")
static const unsigned char image_x86_64[] = {
#embed "../../Images/executor-x86_64"
};
enum { size_x86_64 = sizeof image_x86_64 };
static const char hash_x86_64[] = {
#embed "../../Images/executor-x86_64.sha256" suffix(, 0)
};
#else
EMPTY(x86_64)
#endif

#if HAS_EMBED && __has_embed("../../Images/executor-aarch64") && __has_embed("../../Images/executor-aarch64.sha256")
static const unsigned char image_aarch64[] = {
#embed "../../Images/executor-aarch64"
};
enum { size_aarch64 = sizeof image_aarch64 };
static const char hash_aarch64[] = {
#embed "../../Images/executor-aarch64.sha256" suffix(, 0)
};
#else
EMPTY(aarch64)
#endif

#if HAS_EMBED && __has_embed("../../Images/executor-armv7") && __has_embed("../../Images/executor-armv7.sha256")
static const unsigned char image_armv7[] = {
#embed "../../Images/executor-armv7"
};
enum { size_armv7 = sizeof image_armv7 };
static const char hash_armv7[] = {
#embed "../../Images/executor-armv7.sha256" suffix(, 0)
};
#else
EMPTY(armv7)
#endif

#if HAS_EMBED && __has_embed("../../Images/executor-i686") && __has_embed("../../Images/executor-i686.sha256")
static const unsigned char image_i686[] = {
#embed "../../Images/executor-i686"
};
enum { size_i686 = sizeof image_i686 };
static const char hash_i686[] = {
#embed "../../Images/executor-i686.sha256" suffix(, 0)
};
#else
EMPTY(i686)
#endif

#if HAS_EMBED && __has_embed("../../Images/executor-riscv64") && __has_embed("../../Images/executor-riscv64.sha256")
static const unsigned char image_riscv64[] = {
#embed "../../Images/executor-riscv64"
};
enum { size_riscv64 = sizeof image_riscv64 };
static const char hash_riscv64[] = {
#embed "../../Images/executor-riscv64.sha256" suffix(, 0)
};
#else
EMPTY(riscv64)
#endif

#define IMAGE(ARCHITECTURE) {#ARCHITECTURE, image_##ARCHITECTURE, size_##ARCHITECTURE, hash_##ARCHITECTURE}

static const struct portal_image images[] = {IMAGE(x86_64), IMAGE(aarch64), IMAGE(armv7), IMAGE(i686), IMAGE(riscv64)};

const struct portal_image *portal_images(size_t *count) {
    *count = sizeof images / sizeof images[0];
    return images;
}
