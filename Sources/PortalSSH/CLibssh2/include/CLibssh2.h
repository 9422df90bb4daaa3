// What Swift cannot say about libssh2, OpenSSL and posix_spawn: function-pointer casts, macros and variants between versions.
#ifndef PORTAL_CLIBSSH2_H
#define PORTAL_CLIBSSH2_H

#include <libssh2.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef ssize_t (*portal_ssh_send)(libssh2_socket_t, const void *bytes, size_t count, int flags, void **context);
typedef ssize_t (*portal_ssh_receive)(libssh2_socket_t, void *bytes, size_t count, int flags, void **context);
typedef int (*portal_ssh_sign)(LIBSSH2_SESSION *, unsigned char **signature, size_t *signature_count,
                               const unsigned char *bytes, size_t count, void **context);
typedef void (*portal_ssh_prompts)(const char *name, int name_count, const char *instruction, int instruction_count,
                                   int prompt_count, const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                                   LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **context);

/// `libssh2_init`, in a way that lets connections live while the program exits. Not to be called twice at once.
int portal_ssh_initialize(void);

/// A non-blocking session whose bytes go through the two callbacks and never through a descriptor. NULL when out of memory.
LIBSSH2_SESSION *portal_ssh_session_new(void *context, portal_ssh_send send, portal_ssh_receive receive);

/// `libssh2_version` as a number (0x010a00), of the library in use and not of its header.
uint32_t portal_ssh_version(void);

const void *portal_ssh_prompt_text(const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, int index, size_t *count);
int portal_ssh_prompt_echo(const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, int index);
/// Copies the answer with the allocator that libssh2 frees it with. Returns 0, or -1 when out of memory.
int portal_ssh_prompt_answer(LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, int index, const void *bytes, size_t count);

/// HMAC-SHA1, the hash of hashed known_hosts names. `result` holds 20 bytes. Returns 0 on success.
int portal_hmac_sha1(const void *key, size_t key_count, const void *bytes, size_t count, uint8_t *result);

/// Starts `path` in a process group of its own with the three descriptors as stdin, stdout and stderr and no other open
/// descriptor, default signal handling and this process's environment. Returns 0 or an errno.
int portal_spawn(pid_t *pid, const char *path, char *const arguments[], int input, int output, int errors);

#endif
