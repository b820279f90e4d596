/* vmm/base/bytes.h: the view of a file that all its readers share. */
#include "file.h"
