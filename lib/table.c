#include "lib/table.h"
