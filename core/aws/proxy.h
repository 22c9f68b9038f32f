/* Which proxy stands on the way, for messages: who reads "connection refused" looks at AWS, not at
 * a variable of the environment. curl chooses by itself; this follows its rules ("Environment" and
 * --noproxy in curl's manual), and says nothing where it cannot follow them. */
#ifndef VFL_AWS_PROXY_H
#define VFL_AWS_PROXY_H

#include <stdbool.h>

#define VFL_PROXY_PLACE_SIZE 128
#define VFL_PROXY_TEXT_SIZE (VFL_PROXY_PLACE_SIZE + 64)

struct vfl_proxy {
    const char *variable;             /* "https_proxy"; static */
    char place[VFL_PROXY_PLACE_SIZE]; /* host and port alone: a proxy's URL may have a password */
};

/* False: there is none for this URL, or it cannot be told. look_up is
 * getenv's. */
bool vfl_proxy_find(const char *url, const char *(*look_up)(const char *name),
                    struct vfl_proxy *ret_proxy);

/* " (through the proxy proxy.example:3128 of https_proxy)" of this process's environment, or "". */
void vfl_proxy_describe(const char *url, bool is_bypassed, char ret_text[VFL_PROXY_TEXT_SIZE]);

#endif
