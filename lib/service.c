#include "lib/service.h"
