#include "console.h"

// `#embed` is of C23; clang has it for every C.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char markup[] = {
#embed "page/console.html"
};
static const unsigned char style[] = {
#embed "page/console.css"
};
static const unsigned char dom[] = {
#embed "page/dom.js"
};
static const unsigned char api[] = {
#embed "page/api.js"
};
static const unsigned char metrics[] = {
#embed "page/metrics.js"
};
static const unsigned char answer[] = {
#embed "page/answer.js"
};
static const unsigned char chat[] = {
#embed "page/chat.js"
};
static const unsigned char compare[] = {
#embed "page/compare.js"
};
static const unsigned char adapters[] = {
#embed "page/adapters.js"
};
static const unsigned char adding[] = {
#embed "page/adding.js"
};
static const unsigned char routing[] = {
#embed "page/routing.js"
};
static const unsigned char memories[] = {
#embed "page/memories.js"
};
static const unsigned char tuning[] = {
#embed "page/tuning.js"
};
static const unsigned char server[] = {
#embed "page/server.js"
};
static const unsigned char shell[] = {
#embed "page/shell.js"
};

#define FILE_OF(name, bytes) {name, bytes, sizeof(bytes)}

static const console_file scripts[] = {
    FILE_OF("dom.js", dom),         FILE_OF("api.js", api),         FILE_OF("metrics.js", metrics),   FILE_OF("answer.js", answer),
    FILE_OF("chat.js", chat),       FILE_OF("compare.js", compare), FILE_OF("adapters.js", adapters), FILE_OF("adding.js", adding),
    FILE_OF("routing.js", routing), FILE_OF("memories.js", memories), FILE_OF("tuning.js", tuning),   FILE_OF("server.js", server),
    FILE_OF("shell.js", shell),
};

console_file console_markup(void) { return (console_file)FILE_OF("console.html", markup); }
console_file console_style(void) { return (console_file)FILE_OF("console.css", style); }
size_t console_script_count(void) { return sizeof(scripts) / sizeof(scripts[0]); }
console_file console_script(size_t index) { return scripts[index]; }
