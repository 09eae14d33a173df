-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- The clinic's data: one INSERT for each table, the same rows every time. lab/clinic.py runs them, in any order, with
-- the foreign keys' triggers off; so each row has to name a parent that some other statement makes.
--
-- Row number n of table "X" has the id md5('X' || n) in the form of a UUID: a statement that wants a random existing
-- row computes its id, as these do and as lab/sql/traffic.sql does. Which parent a row has is computed from its number:
-- a pet's customer, the customer's tenant, and for the tenant its range of staff, services and inventory.
--
-- hashint4extended(n, salt) is the source of all that looks random. `OFFSET 0` keeps the planner from copying the
-- expression to every place that uses its result.
--
-- Parameters: %(now)s, the number of rows %(Tenant)s … of each table, %(slots)s and %(slot_count)s (tenant numbers,
-- each as often as its size says), and for tables divided among tenants the first row number and the count of each
-- tenant's range: %(staff_first)s, %(staff_count)s, and so on.

-- table: Tenant
INSERT INTO "Tenant" ("id", "name", "slug", "createdAt", "updatedAt")
SELECT md5('Tenant' || t)::uuid::text,
       'Clinic ' || t,
       'clinic-' || t,
       %(now)s - interval '730 days' - interval '1 day' * (%(Tenant)s - t),
       %(now)s
FROM generate_series(1, %(Tenant)s) AS t;

-- table: User
-- The first ones are the staff's, in the same order; the others belong to customers, but every twentieth of these
-- runs the platform and has no tenant.
INSERT INTO "User" ("id", "tenantId", "email", "name", "createdAt", "updatedAt")
SELECT md5('User' || u)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       'user' || u || '@example.com',
       (%(first_names)s)[1 + mod(u, 20)] || ' ' || (%(last_names)s)[1 + mod(u / 20, 20)],
       %(now)s - interval '1 hour' * (%(User)s - u),
       %(now)s - interval '1 minute' * mod(u, 600)
FROM (SELECT u, t
      FROM generate_series(1, %(Tenant)s) AS t,
           generate_series((%(staff_first)s)[t], (%(staff_first)s)[t] + (%(staff_count)s)[t] - 1) AS u
      UNION ALL
      SELECT u, CASE WHEN mod(u, 20) <> 0
                     THEN (%(slots)s)[1 + abs(mod(hashint4extended(u - %(Staff)s, 1), %(slot_count)s))] END
      FROM generate_series(%(Staff)s + 1, %(User)s) AS u) AS users;

-- table: Customer
-- Customer number c has a login if there is a user number (staff + c) that is a customer's.
INSERT INTO "Customer" ("id", "tenantId", "userId", "email", "name", "phone", "createdAt", "updatedAt")
SELECT md5('Customer' || c)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       CASE WHEN %(Staff)s + c <= %(User)s AND mod(%(Staff)s + c, 20) <> 0
            THEN md5('User' || (%(Staff)s + c))::uuid::text END,
       CASE WHEN mod(c, 8) <> 0 THEN 'customer' || c || '@example.com' END,
       (%(first_names)s)[1 + mod(c, 20)] || ' ' || (%(last_names)s)[1 + mod(c / 20, 20)],
       '+49 170 ' || (1000000 + c),
       %(now)s - interval '730 days' * ((%(Customer)s - c) / %(Customer)s::float8),
       %(now)s - interval '1 minute' * mod(c, 600)
FROM generate_series(1, %(Customer)s) AS c
CROSS JOIN LATERAL (
    SELECT (%(slots)s)[1 + abs(mod(hashint4extended(c, 1), %(slot_count)s))] AS t OFFSET 0) AS tenant;

-- table: Pet
-- Each customer has the pet of its own number, some have more.
INSERT INTO "Pet" ("id", "tenantId", "customerId", "name", "species", "breed", "dateOfBirth", "gender", "weight",
                   "createdAt", "updatedAt")
SELECT md5('Pet' || p)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       md5('Customer' || c)::uuid::text,
       (%(pet_names)s)[1 + mod(r, 20)],
       (%(species)s)[1 + mod(r / 20, 5)],
       CASE WHEN mod(r / 100, 3) <> 0 THEN 'Breed ' || mod(r / 300, 40) END,
       date_trunc('day', %(now)s) - interval '1 day' * mod(r / 10000, 5000),
       CASE WHEN mod(r / 7, 2) = 0 THEN 'female' ELSE 'male' END,
       (10 + mod(r / 1000, 500)) * 0.1,
       %(now)s - interval '730 days' * ((%(Pet)s - p) / %(Pet)s::float8),
       %(now)s - interval '1 minute' * mod(p, 600)
FROM generate_series(1, %(Pet)s) AS p
CROSS JOIN LATERAL (SELECT abs(hashint4extended(p, 3)) AS r OFFSET 0) AS random
CROSS JOIN LATERAL (
    SELECT CASE WHEN p <= %(Customer)s THEN p
                ELSE 1 + abs(mod(hashint4extended(p, 2), %(Customer)s))::int END AS c OFFSET 0) AS customer
CROSS JOIN LATERAL (
    SELECT (%(slots)s)[1 + abs(mod(hashint4extended(c, 1), %(slot_count)s))] AS t OFFSET 0) AS tenant;

-- table: Staff
INSERT INTO "Staff" ("id", "tenantId", "userId", "name", "position", "isActive", "createdAt", "updatedAt")
SELECT md5('Staff' || s)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       CASE WHEN mod(s, 10) <> 0 THEN md5('User' || s)::uuid::text END,
       (%(first_names)s)[1 + mod(s, 20)] || ' ' || (%(last_names)s)[1 + mod(s / 20, 20)],
       (ARRAY['Veterinarian', 'Assistant', 'Receptionist', 'Groomer'])[1 + mod(s, 4)],
       mod(s, 7) <> 0,
       %(now)s - interval '1 hour' * (%(Staff)s - s),
       %(now)s - interval '1 minute' * mod(s, 600)
FROM generate_series(1, %(Tenant)s) AS t,
     generate_series((%(staff_first)s)[t], (%(staff_first)s)[t] + (%(staff_count)s)[t] - 1) AS s;

-- table: Service
INSERT INTO "Service" ("id", "tenantId", "name", "category", "price", "isActive", "createdAt", "updatedAt")
SELECT md5('Service' || s)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       'Service ' || s,
       (ARRAY['Consultation', 'Vaccination', 'Surgery', 'Dental', 'Laboratory', 'Grooming'])[1 + mod(s, 6)],
       (1500 + mod(s * 37, 20000)) * 0.01,
       mod(s, 6) <> 0,
       %(now)s - interval '1 hour' * (%(Service)s - s) / 4,
       %(now)s - interval '1 minute' * mod(s, 600)
FROM generate_series(1, %(Tenant)s) AS t,
     generate_series((%(service_first)s)[t], (%(service_first)s)[t] + (%(service_count)s)[t] - 1) AS s
ORDER BY mod(s, 97);  -- the tenants' rows lie mixed, as rows do that came in over the years

-- table: InventoryItem
INSERT INTO "InventoryItem" ("id", "tenantId", "name", "category", "quantity", "status", "cost", "price",
                             "createdAt", "updatedAt")
SELECT md5('InventoryItem' || i)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       'Item ' || i,
       (ARRAY['Medication', 'Food', 'Vaccine', 'Supplies', 'Accessory'])[1 + mod(i, 5)],
       mod(r, 200),
       (ARRAY['ACTIVE', 'ACTIVE', 'ACTIVE', 'ACTIVE', 'ACTIVE', 'ACTIVE', 'INACTIVE', 'LOW_STOCK', 'OUT_OF_STOCK',
              'EXPIRED', 'DISCONTINUED']::"InventoryStatus"[])[1 + mod(r / 200, 11)],
       (200 + mod(r / 10000, 9000)) * 0.01,
       (400 + mod(r / 10000, 9000) * 2) * 0.01,
       %(now)s - interval '730 days' * ((%(InventoryItem)s - i) / %(InventoryItem)s::float8),
       %(now)s - interval '1 minute' * mod(i, 600)
FROM generate_series(1, %(Tenant)s) AS t
CROSS JOIN LATERAL generate_series((%(item_first)s)[t], (%(item_first)s)[t] + (%(item_count)s)[t] - 1) AS i
CROSS JOIN LATERAL (SELECT abs(hashint4extended(i, 4)) AS r OFFSET 0) AS random
ORDER BY mod(i, 997);  -- mixed, as above

-- table: Appointment
-- In the order in which they were made, up to 60 days ahead of the date. One in twenty is SCHEDULED: nearly all that
-- are still to come, and a few of the past that nobody closed.
INSERT INTO "Appointment" ("id", "tenantId", "petId", "customerId", "staffId", "userId", "dateTime", "reason", "notes",
                           "status", "createdAt", "updatedAt")
SELECT md5('Appointment' || n)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       md5('Pet' || p)::uuid::text,
       md5('Customer' || c)::uuid::text,
       CASE WHEN mod(r, 10) < 4 THEN md5('Staff' || s)::uuid::text END,
       CASE WHEN mod(r, 10) > 7 THEN md5('User' || s)::uuid::text END,
       date_time,
       (ARRAY['Check-up', 'Vaccination', 'Surgery', 'Dental care', 'Follow-up', 'Emergency'])[1 + mod(r / 10, 6)],
       CASE WHEN mod(r / 60, 6) = 0 THEN 'Please call before the visit.' END,
       CASE WHEN date_time > %(now)s
            THEN CASE WHEN mod(r / 1000, 100) < 92 THEN 'SCHEDULED'::"AppointmentStatus"
                      WHEN mod(r / 1000, 100) < 97 THEN 'CONFIRMED' ELSE 'CANCELLED_CLIENT' END
            WHEN mod(r / 1000, 1000) < 13 THEN 'SCHEDULED'
            WHEN mod(r / 1000, 1000) < 900 THEN 'COMPLETED'
            WHEN mod(r / 1000, 1000) < 940 THEN 'CANCELLED_CLIENT'
            WHEN mod(r / 1000, 1000) < 960 THEN 'CANCELLED_CLINIC'
            WHEN mod(r / 1000, 1000) < 997 THEN 'NO_SHOW'
            WHEN mod(r / 1000, 1000) < 998 THEN 'CHECKED_IN'
            ELSE 'IN_PROGRESS' END,
       created,
       created
FROM generate_series(1, %(Appointment)s) AS n
CROSS JOIN LATERAL (
    SELECT abs(hashint4extended(n, 5)) AS r,
           1 + abs(mod(hashint4extended(n, 6), %(Pet)s))::int AS p,
           %(now)s - interval '730 days' * ((%(Appointment)s - n) / %(Appointment)s::float8) AS created
    OFFSET 0) AS random
CROSS JOIN LATERAL (
    SELECT CASE WHEN p <= %(Customer)s THEN p
                ELSE 1 + abs(mod(hashint4extended(p, 2), %(Customer)s))::int END AS c,
           date_trunc('day', created) + interval '1 day' * (1 + mod(r / 100, 60))
               + interval '15 minutes' * (32 + mod(r / 6000, 40)) AS date_time
    OFFSET 0) AS customer
CROSS JOIN LATERAL (
    SELECT (%(slots)s)[1 + abs(mod(hashint4extended(c, 1), %(slot_count)s))] AS t OFFSET 0) AS tenant
CROSS JOIN LATERAL (
    SELECT (%(staff_first)s)[t] + mod(r / 1000000, (%(staff_count)s)[t]) AS s OFFSET 0) AS staff;

-- table: Reminder
INSERT INTO "Reminder" ("id", "tenantId", "petId", "customerId", "userId", "type", "title", "message", "dueDate",
                        "status", "createdAt", "updatedAt")
SELECT md5('Reminder' || n)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       CASE WHEN mod(r, 10) < 5 THEN md5('Pet' || p)::uuid::text END,
       md5('Customer' || c)::uuid::text,
       CASE WHEN mod(r, 10) = 7 THEN md5('User' || s)::uuid::text END,
       (ARRAY['VACCINATION', 'APPOINTMENT', 'FOLLOW_UP', 'PAYMENT'])[1 + mod(r / 10, 4)],
       'Reminder',
       'A visit is due.',
       due,
       CASE WHEN due > %(now)s THEN 'PENDING'::"ReminderStatus"
            WHEN mod(r / 1000, 100) < 2 THEN 'PENDING'
            WHEN mod(r / 1000, 100) < 90 THEN 'SENT'
            WHEN mod(r / 1000, 100) < 92 THEN 'ERROR'
            ELSE 'DISMISSED' END,
       created,
       created
FROM generate_series(1, %(Reminder)s) AS n
CROSS JOIN LATERAL (
    SELECT abs(hashint4extended(n, 7)) AS r,
           1 + abs(mod(hashint4extended(n, 8), %(Pet)s))::int AS p,
           %(now)s - interval '730 days' * ((%(Reminder)s - n) / %(Reminder)s::float8) AS created
    OFFSET 0) AS random
CROSS JOIN LATERAL (
    SELECT CASE WHEN p <= %(Customer)s THEN p
                ELSE 1 + abs(mod(hashint4extended(p, 2), %(Customer)s))::int END AS c,
           created + interval '1 hour' * mod(r / 100, 90 * 24) AS due
    OFFSET 0) AS customer
CROSS JOIN LATERAL (
    SELECT (%(slots)s)[1 + abs(mod(hashint4extended(c, 1), %(slot_count)s))] AS t OFFSET 0) AS tenant
CROSS JOIN LATERAL (
    SELECT (%(staff_first)s)[t] + mod(r / 1000000, (%(staff_count)s)[t]) AS s OFFSET 0) AS staff;

-- table: MedicalHistory
INSERT INTO "MedicalHistory" ("id", "tenantId", "petId", "staffId", "visitDate", "reasonForVisit", "notes",
                              "createdAt", "updatedAt")
SELECT md5('MedicalHistory' || n)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       md5('Pet' || p)::uuid::text,
       CASE WHEN mod(r, 10) < 3 THEN md5('Staff' || s)::uuid::text END,
       created - interval '1 hour' * mod(r / 100, 24),
       (ARRAY['Check-up', 'Vaccination', 'Surgery', 'Dental care', 'Follow-up', 'Emergency'])[1 + mod(r / 10, 6)],
       CASE WHEN mod(r / 60, 6) = 0 THEN 'Examined, no findings.' END,
       created,
       created
FROM generate_series(1, %(MedicalHistory)s) AS n
CROSS JOIN LATERAL (
    SELECT abs(hashint4extended(n, 9)) AS r,
           1 + abs(mod(hashint4extended(n, 10), %(Pet)s))::int AS p,
           %(now)s - interval '730 days' * ((%(MedicalHistory)s - n) / %(MedicalHistory)s::float8) AS created
    OFFSET 0) AS random
CROSS JOIN LATERAL (
    SELECT CASE WHEN p <= %(Customer)s THEN p
                ELSE 1 + abs(mod(hashint4extended(p, 2), %(Customer)s))::int END AS c OFFSET 0) AS customer
CROSS JOIN LATERAL (
    SELECT (%(slots)s)[1 + abs(mod(hashint4extended(c, 1), %(slot_count)s))] AS t OFFSET 0) AS tenant
CROSS JOIN LATERAL (
    SELECT (%(staff_first)s)[t] + mod(r / 1000000, (%(staff_count)s)[t]) AS s OFFSET 0) AS staff;

-- table: TreatmentSchedule
INSERT INTO "TreatmentSchedule" ("id", "tenantId", "petId", "treatmentType", "scheduledDate", "status",
                                 "createdAt", "updatedAt")
SELECT md5('TreatmentSchedule' || n)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       md5('Pet' || p)::uuid::text,
       (ARRAY['Vaccination', 'Deworming', 'Dental care', 'Physiotherapy'])[1 + mod(r / 10, 4)],
       scheduled,
       CASE WHEN scheduled > %(now)s THEN 'SCHEDULED'::"TreatmentStatus"
            WHEN mod(r / 1000, 100) < 85 THEN 'COMPLETED'
            WHEN mod(r / 1000, 100) < 90 THEN 'OVERDUE'
            WHEN mod(r / 1000, 100) < 96 THEN 'CANCELLED'
            ELSE 'SKIPPED' END,
       created,
       created
FROM generate_series(1, %(TreatmentSchedule)s) AS n
CROSS JOIN LATERAL (
    SELECT abs(hashint4extended(n, 11)) AS r,
           1 + abs(mod(hashint4extended(n, 12), %(Pet)s))::int AS p,
           %(now)s - interval '730 days' * ((%(TreatmentSchedule)s - n) / %(TreatmentSchedule)s::float8) AS created
    OFFSET 0) AS random
CROSS JOIN LATERAL (
    SELECT CASE WHEN p <= %(Customer)s THEN p
                ELSE 1 + abs(mod(hashint4extended(p, 2), %(Customer)s))::int END AS c,
           created + interval '1 hour' * mod(r / 100, 120 * 24) AS scheduled
    OFFSET 0) AS customer
CROSS JOIN LATERAL (
    SELECT (%(slots)s)[1 + abs(mod(hashint4extended(c, 1), %(slot_count)s))] AS t OFFSET 0) AS tenant;

-- table: Sale
-- The pet of a sale is the customer's first, which has the customer's number.
INSERT INTO "Sale" ("id", "tenantId", "customerId", "petId", "userId", "staffId", "saleNumber", "subtotal", "tax",
                    "discount", "total", "status", "createdAt", "updatedAt")
SELECT md5('Sale' || n)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       md5('Customer' || c)::uuid::text,
       CASE WHEN mod(r, 10) < 2 THEN md5('Pet' || c)::uuid::text END,
       CASE WHEN mod(r, 10) IN (2, 3) THEN md5('User' || s)::uuid::text END,
       CASE WHEN mod(r, 10) > 6 THEN md5('Staff' || s)::uuid::text END,
       'S-' || (10000000 + n),
       subtotal,
       subtotal * 0.19,
       0,
       subtotal * 1.19,
       (ARRAY['PENDING', 'PAID', 'PAID', 'PAID', 'PARTIALLY_PAID', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED',
              'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'CANCELLED',
              'CANCELLED', 'REFUNDED', 'PARTIALLY_REFUNDED']::"SaleStatus"[])[1 + mod(r / 100, 20)],
       created,
       created
FROM generate_series(1, %(Sale)s) AS n
CROSS JOIN LATERAL (
    SELECT abs(hashint4extended(n, 13)) AS r,
           1 + abs(mod(hashint4extended(n, 14), %(Customer)s))::int AS c,
           %(now)s - interval '730 days' * ((%(Sale)s - n) / %(Sale)s::float8) AS created
    OFFSET 0) AS random
CROSS JOIN LATERAL (
    SELECT (%(slots)s)[1 + abs(mod(hashint4extended(c, 1), %(slot_count)s))] AS t,
           (500 + mod(r / 10000, 30000)) * 0.01 AS subtotal
    OFFSET 0) AS tenant
CROSS JOIN LATERAL (
    SELECT (%(staff_first)s)[t] + mod(r / 1000000, (%(staff_count)s)[t]) AS s OFFSET 0) AS staff;

-- table: SaleItem
-- Each sale has an item, some have more. It is either of the inventory or a service of the sale's tenant.
INSERT INTO "SaleItem" ("id", "saleId", "itemId", "serviceId", "description", "quantity", "unitPrice", "total")
SELECT md5('SaleItem' || n)::uuid::text,
       md5('Sale' || sale)::uuid::text,
       CASE WHEN mod(r, 3) <> 0
            THEN md5('InventoryItem' || (%(item_first)s)[t] + mod(r / 10, (%(item_count)s)[t]))::uuid::text END,
       CASE WHEN mod(r, 3) = 0
            THEN md5('Service' || (%(service_first)s)[t] + mod(r / 10, (%(service_count)s)[t]))::uuid::text END,
       CASE WHEN mod(r, 3) = 0 THEN 'Service' ELSE 'Item' END,
       quantity,
       price,
       quantity * price
FROM generate_series(1, %(SaleItem)s) AS n
CROSS JOIN LATERAL (
    SELECT abs(hashint4extended(n, 15)) AS r,
           CASE WHEN n <= %(Sale)s THEN n
                ELSE 1 + abs(mod(hashint4extended(n, 16), %(Sale)s))::int END AS sale
    OFFSET 0) AS random
CROSS JOIN LATERAL (
    SELECT 1 + abs(mod(hashint4extended(sale, 14), %(Customer)s))::int AS c,
           (1 + mod(r / 100, 4))::numeric AS quantity,
           (300 + mod(r / 1000, 9000)) * 0.01 AS price
    OFFSET 0) AS customer
CROSS JOIN LATERAL (
    SELECT (%(slots)s)[1 + abs(mod(hashint4extended(c, 1), %(slot_count)s))] AS t OFFSET 0) AS tenant;

-- table: CashDrawer
INSERT INTO "CashDrawer" ("id", "tenantId", "openedAt", "closedAt", "openedById", "closedById", "initialAmount",
                          "status", "createdAt", "updatedAt")
SELECT md5('CashDrawer' || n)::uuid::text,
       md5('Tenant' || t)::uuid::text,
       opened,
       CASE WHEN closed THEN opened + interval '8 hours' END,
       md5('User' || (%(staff_first)s)[t] + mod(r / 100, (%(staff_count)s)[t]))::uuid::text,
       CASE WHEN closed
            THEN md5('User' || (%(staff_first)s)[t] + mod(r / 100000, (%(staff_count)s)[t]))::uuid::text END,
       100 + mod(r, 5) * 50,
       CASE WHEN NOT closed THEN 'OPEN'::"DrawerStatus" WHEN mod(r, 4) = 0 THEN 'CLOSED' ELSE 'RECONCILED' END,
       opened,
       opened
FROM generate_series(1, %(CashDrawer)s) AS n
CROSS JOIN LATERAL (
    SELECT abs(hashint4extended(n, 17)) AS r,
           (%(slots)s)[1 + abs(mod(hashint4extended(n, 18), %(slot_count)s))] AS t,
           %(now)s - interval '730 days' * ((%(CashDrawer)s - n) / %(CashDrawer)s::float8) AS opened,
           n < %(CashDrawer)s * 0.98 AS closed
    OFFSET 0) AS random;
