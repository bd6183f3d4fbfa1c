#ifndef LMOE_MAPPINGS_H
#define LMOE_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>

// Keeps a process alive when a mapped file shrinks.
//
// Reading a page of a mapping that lies behind the end of its file raises SIGBUS, and so does a page that the disk cannot give. The
// first registration installs a handler for SIGBUS. For an address inside a registered mapping it maps zeros from that page to the end
// of the mapping, marks the mapping as damaged and lets the read go on. For any other address it does what was done before: it calls
// the earlier handler, or restores the default action.
//
// Any thread. The table has a fixed size and no lock, so the handler may interrupt anything.

/// Mappings at once; Linux allows a process about as many (vm.max_map_count).
#define LMOE_MAPPINGS_MAX 65536

/// Registers `[start, start + length)`, which the caller has mapped. Returns a number for the functions below, or -1 when the table is
/// full or no handler can be installed.
int lmoe_mapping_register(const void *start, size_t length);

/// Before the caller unmaps it.
void lmoe_mapping_forget(int mapping);

/// Whether a page could not be read since the registration.
bool lmoe_mapping_is_damaged(int mapping);

#endif
