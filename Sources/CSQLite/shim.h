#pragma once
#include <sqlite3.h>

/* A database that others wrote: its schema may call no function that has an effect, and what would corrupt it is refused. */
static inline int csqlite_distrust(sqlite3 *database) {
    int result = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    return result != SQLITE_OK ? result : sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
}
