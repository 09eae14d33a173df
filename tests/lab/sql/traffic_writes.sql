-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- What the clinic's application writes in single statements, for pgbench: the tables that traffic.sql leaves out.
\set staff random(1, :staff)
\set service random(1, :services)
\set item random(1, :items)
\set reminder random(1, :reminders)
\set visit random(1, :visits)
\set treatment random(1, :treatments)
UPDATE "Staff" SET "updatedAt" = now() WHERE "id" = md5('Staff' || :staff)::uuid::text;
UPDATE "Service" SET "updatedAt" = now() WHERE "id" = md5('Service' || :service)::uuid::text;
UPDATE "InventoryItem" SET "updatedAt" = now() WHERE "id" = md5('InventoryItem' || :item)::uuid::text;
UPDATE "Reminder" SET "updatedAt" = now() WHERE "id" = md5('Reminder' || :reminder)::uuid::text;
UPDATE "MedicalHistory" SET "updatedAt" = now() WHERE "id" = md5('MedicalHistory' || :visit)::uuid::text;
UPDATE "TreatmentSchedule" SET "updatedAt" = now() WHERE "id" = md5('TreatmentSchedule' || :treatment)::uuid::text;
