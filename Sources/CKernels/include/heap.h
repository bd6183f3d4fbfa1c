// The heap of the process.
#pragma once

// Gives unused whole pages back to the system, where the C library can. Takes milliseconds.
void ck_heap_trim(void);
