#include "lib/conf.h"
