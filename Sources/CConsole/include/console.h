// The files of the console, a page for browsers, as bytes of the program: `page/` holds them as they are written.
//
// The compiler reads the files where it builds, so an installed program needs none of them. Immutable; any thread.
#ifndef LMOE_CONSOLE_H
#define LMOE_CONSOLE_H

#include <stddef.h>

typedef struct {
    // The file's name, for messages.
    const char *name;
    const unsigned char *bytes;
    size_t count;
} console_file;

// The markup. It has a line `@style@` and a line `@script@` for the other files, and `@nonce@` for what marks them as the server's own.
console_file console_markup(void);
console_file console_style(void);

// The scripts, in the order in which they make one module.
size_t console_script_count(void);
// Precondition: index < console_script_count().
console_file console_script(size_t index);

#endif
