// The heap of the process.
#pragma once

// Gives whole pages that nothing uses back to the system, where the C library can. Milliseconds.
void ck_heap_trim(void);
