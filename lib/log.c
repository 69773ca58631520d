#include "lib/log.h"
