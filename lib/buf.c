#include "lib/buf.h"
