/* Files below a folder, named by keys with slashes; no key leads out of it and no link is followed.
 *
 * Functions that return a descriptor return -1 with errno on failure; the caller closes it. */
#ifndef VFL_STORE_FOLDER_H
#define VFL_STORE_FOLDER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "core/span.h"

#define VFL_FOLDER_MAX_KEY_BYTES 1024 /* as in S3 */
#define VFL_FOLDER_ETAG_SIZE 64

/* For an errno: "cannot <action> <name>: <reason>". VFL_DENIED, VFL_NOT_FOUND, VFL_NO_MEMORY,
 * VFL_RETRY (no descriptors left) or VFL_IO. */
enum vfl_status vfl_folder_fail(struct vfl_error *err, int code, const char *action,
                                const char *name);

/* The folder of that name directly below fd. */
int vfl_folder_open(int fd, const char *name);
/* -1 is fine. */
void vfl_folder_close(int fd);

/* Whether the key can name a file: 1 to 1024 bytes without empty, "." and ".." names. */
bool vfl_folder_is_key(const char *key);
/* Opens the folder that the last name of such a key is in, making folders on the way if is_made.
 * *ret_name is that name, within key. */
int vfl_folder_open_parent(int fd, const char *key, bool is_made, const char **ret_name);

/* Of size and modification time. */
void vfl_folder_format_etag(const struct stat *info, char etag[VFL_FOLDER_ETAG_SIZE]);

#endif
